pub mod init_data {
    pub const SIZE: usize = 0xbc;
    pub const VER_INFO: usize = 0;
    pub const REGION_A: usize = 8;
    pub const UNK_8: usize = 0x10;
    pub const RUNTIME_POINTERS: usize = 0x18;
    pub const GLOBALS: usize = 0x20;
    pub const FW_STATUS: usize = 0x28;
    pub const PAGE_SIZE: usize = 0x30;
    pub const PAGE_BITS: usize = 0x32;
    pub const LEVELS: usize = 0x33;
    pub const LEVEL_INFO: usize = 0x34;
    pub const HOST_MAPPED: usize = 0xa8;
}
pub mod level_info {
    pub const SIZE: usize = 0x20;
    pub const INDEX_SHIFT: usize = 3;
    pub const ENTRIES: usize = 4;
    pub const PHYS_MASK: usize = 0x10;
    pub const INDEX_MASK: usize = 0x18;
}
pub mod runtime_pointers {
    pub const SIZE: usize = 0x6bc0;
    pub const PIPES: usize = 0;
    pub const DEVICE_CONTROL: usize = 0xc0;
    pub const EVENT: usize = 0xd0;
    pub const FWLOG: usize = 0xe0;
    pub const KTRACE: usize = 0xf0;
    pub const STATS: usize = 0x100;
    pub const STATS_VERTEX: usize = 0x170;
    pub const STATS_FRAGMENT: usize = 0x178;
    pub const STATS_COMPUTE: usize = 0x180;
    pub const HW_DATA_A: usize = 0x188;
    pub const FAULT_INFO: usize = 0x190;
    pub const UNK_198: usize = 0x198;
    pub const HW_DATA_B: usize = 0x1a0;
    pub const HW_DATA_B_2: usize = 0x1a8;
    pub const FWLOG_PAYLOADS: usize = 0x1b0;
    pub const UNK_1B8: usize = 0x1b8;
    pub const UNK_1C0: usize = 0x1c0;
    pub const UNK_1C8: usize = 0x1c8;
    pub const BUFFER_MGR_GPU: usize = 0x214;
    pub const BUFFER_MGR_FW: usize = 0x21c;
    pub const UNK_6B38: usize = 0x6b38;
}
pub mod fw_status {
    pub const FW_CTL: usize = 0;
    pub const HALT_COUNT: usize = 0x10;
    pub const HALTED: usize = 0x20;
    pub const RESUME: usize = 0x30;
}
pub mod hw_data_a {
    pub const SIZE: usize = 0x421c;
}
pub mod hw_data_b {
    pub const SIZE: usize = 0x1884;
    pub const DUMMY_PAGE: usize = 0x20;
    pub const TIMESTAMP_BASE: usize = 0x28;
    pub const IO_MAPPINGS: usize = 0x640;
    pub const IO_MAPPINGS_COUNT: usize = 25;
    pub const CHIP_ID: usize = 0x968;
    pub const BASE_CLOCK_KHZ: usize = 0x9a8;
    pub const SECURE_CACHE_FLUSH: usize = 0xa40;
    pub const TTB_BASE: usize = 0xa78;
    pub const GPU_CORE: usize = 0xa80;
    pub const NUM_CORES: usize = 0xa88;
}
pub mod io_mapping {
    pub const SIZE: usize = 0x20;
    pub const PHYS: usize = 0;
    pub const VIRT: usize = 8;
    pub const SIZE_TOTAL: usize = 0x10;
    pub const SIZE_ELEMENT: usize = 0x14;
    pub const WRITABLE: usize = 0x18;
}
pub mod globals {
    pub const SIZE: usize = 0x12394;
    pub const KTRACE_ENABLE: usize = 0;
    pub const PENDING_SUBMISSIONS: usize = 0x8974;
    pub const FAULT_CONTROL: usize = 0x10fd8;
    pub const DO_INIT: usize = 0x10fdc;
    pub const IDLE_TS: usize = 0x11168;
    pub const PROGRESS_CHECK_CL: usize = 0x11180;
    pub const IDLE_OFF_DELAY_MS: usize = 0x1119c;
    pub const PENDING_STAMPS: usize = 0x111a8;
    pub const FAULT_INFO: usize = 0x11a2c;
}
pub mod queue_info {
    pub const SIZE: usize = 0xb8;
    pub const STATE: usize = 0;
    pub const RING: usize = 8;
    pub const JOB_LIST: usize = 0x10;
    pub const GPU_BUF: usize = 0x18;
    pub const RPTR1: usize = 0x20;
    pub const EVENT_ID: usize = 0x2c;
    pub const PRIORITY: usize = 0x30;
    pub const UNK_4C: usize = 0x4c;
    pub const UUID: usize = 0x50;
    pub const UNK_54: usize = 0x54;
    pub const UNK_58: usize = 0x58;
    pub const BUSY: usize = 0x60;
    pub const HAS_COMMANDS: usize = 0x88;
    pub const IN_FLIGHT: usize = 0x9c;
    pub const CONTEXT: usize = 0xa4;
}
pub mod ring_state {
    pub const DONE: usize = 0;
    pub const RPTR: usize = 0x30;
    pub const WPTR: usize = 0x40;
    pub const SIZE: usize = 0x50;
}
pub mod context_data {
    pub const UNK_23: usize = 0x23;
}
pub mod job_list {
    pub const FIRST: usize = 0;
    pub const LAST: usize = 8;
    pub const THIRD: usize = 0x10;
}
pub mod notifier {
    pub const SIZE: usize = 0xb0;
    pub const THRESHOLD: usize = 0;
    pub const GENERATION: usize = 8;
    pub const CUR_COUNT: usize = 0xc;
    pub const UNK_10: usize = 0x10;
    pub const VM_SLOT: usize = 0x24;
    pub const HAS_CP: usize = 0x70;
    pub const UNK_BUF: usize = 0xa8;
}
pub mod barrier {
    pub const SIZE: usize = 0x24;
    pub const STAMP: usize = 4;
    pub const VALUE: usize = 0xc;
    pub const SLOT: usize = 0x10;
    pub const STAMP_SELF: usize = 0x14;
    pub const UUID: usize = 0x18;
    pub const EXTERNAL: usize = 0x1c;
    pub const KIND: usize = 0x20;
}
pub mod init_buffer {
    pub const SIZE: usize = 0x20;
    pub const VM_SLOT: usize = 4;
    pub const BUFFER_SLOT: usize = 8;
    pub const UNK_C: usize = 0xc;
    pub const BLOCKS: usize = 0x10;
    pub const INFO: usize = 0x14;
    pub const STAMP: usize = 0x1c;
}
pub mod buffer_info {
    pub const SIZE: usize = 0xbc;
    pub const PAGE_LIST: usize = 0x1c;
    pub const PAGE_LIST_SIZE: usize = 0x24;
    pub const PAGE_COUNT: usize = 0x28;
    pub const MAX_BLOCKS: usize = 0x2c;
    pub const BLOCK_COUNT: usize = 0x30;
    pub const BLOCK_LIST: usize = 0x38;
    pub const BLOCK_CTL: usize = 0x40;
    pub const LAST_PAGE: usize = 0x48;
    pub const BLOCK_SIZE: usize = 0x58;
    pub const COUNTER: usize = 0x64;
}
pub mod run_compute {
    pub const SIZE: usize = 0x31c;
    pub const COUNTER: usize = 4;
    pub const UNK: usize = 0xc;
    pub const VM_SLOT: usize = 0x10;
    pub const NOTIFIER: usize = 0x14;
    pub const UNK_POINTEE: usize = 0x1c;
    pub const PAD: usize = 0x20;
    pub const PARAMS1: usize = 0x70;
    pub const PAD2: usize = 0x1d0;
    pub const MICROSEQ: usize = 0x1f0;
    pub const MICROSEQ_SIZE: usize = 0x1f8;
    pub const PARAMS2: usize = 0x1fc;
    pub const ENCODER: usize = 0x25c;
    pub const META: usize = 0x284;
    pub const COMMAND_TIME: usize = 0x2b0;
    pub const TIMESTAMPS: usize = 0x2b8;
    pub const USER_TIMESTAMPS: usize = 0x2c8;
    pub const CLIENT_SEQUENCE: usize = 0x2d8;
    pub const CONTEXT_STORE: usize = 0x2e1;
    pub const UNK_FLAG: usize = 0x305;
}
pub mod params1 {
    pub const SIZE: usize = 0x160;
    pub const PREEMPT1: usize = 0;
    pub const STREAM: usize = 8;
    pub const PREEMPT2: usize = 0x10;
    pub const USC_BASE: usize = 0x30;
    pub const UNK_38: usize = 0x38;
    pub const HELPER_BINARY: usize = 0x40;
    pub const HELPER_DATA: usize = 0x48;
    pub const HELPER_CFG: usize = 0x50;
    pub const UNK_58: usize = 0x58;
    pub const IOGPU_UNK_40: usize = 0x60;
}
pub mod params2 {
    pub const SIZE: usize = 0x60;
    pub const PREEMPT1: usize = 0x28;
    pub const STREAM_END: usize = 0x30;
    pub const UNK_58: usize = 0x58;
}
pub mod encoder {
    pub const SIZE: usize = 0x28;
    pub const MASK: usize = 0x14;
    pub const SAMPLER_HEAP: usize = 0x18;
    pub const SAMPLERS: usize = 0x20;
    pub const SAMPLERS_1: usize = 0x24;
}
pub mod meta {
    pub const SIZE: usize = 0x2c;
    pub const HOST_STAMP: usize = 4;
    pub const FW_STAMP: usize = 0xc;
    pub const VALUE: usize = 0x14;
    pub const SLOT: usize = 0x18;
    pub const UNK_1C: usize = 0x1c;
    pub const FLUSH_STAMPS: usize = 0x20;
    pub const UUID: usize = 0x24;
    pub const EVENT_SEQ: usize = 0x28;
}
pub mod start_compute {
    pub const SIZE: usize = 0x16c;
    pub const UNK_POINTEE: usize = 4;
    pub const PARAMS1: usize = 0xc;
    pub const STATS: usize = 0x14;
    pub const QUEUE: usize = 0x1c;
    pub const VM_SLOT: usize = 0x24;
    pub const UNK_28: usize = 0x28;
    pub const GENERATION: usize = 0x2c;
    pub const EVENT_SEQ: usize = 0x30;
    pub const UNK_38: usize = 0x38;
    pub const PARAMS2: usize = 0x3c;
    pub const UNK_44: usize = 0x44;
    pub const UUID: usize = 0x48;
    pub const ATTACHMENTS: usize = 0x4c;
    pub const ATTACHMENT_COUNT: usize = 0x14c;
    pub const PAD: usize = 0x150;
    pub const UNK_FLAG: usize = 0x154;
    pub const COUNTER: usize = 0x15c;
    pub const NOTIFIER_BUF: usize = 0x164;
}
pub mod finalize_compute {
    pub const SIZE: usize = 0x7c;
    pub const STATS: usize = 4;
    pub const QUEUE: usize = 0xc;
    pub const VM_SLOT: usize = 0x14;
    pub const PARAMS2: usize = 0x18;
    pub const UNK_24: usize = 0x20;
    pub const UUID: usize = 0x24;
    pub const FW_STAMP: usize = 0x28;
    pub const VALUE: usize = 0x30;
    pub const UNK_38: usize = 0x34;
    pub const RESTART: usize = 0x58;
    pub const HAS_ATTACHMENTS: usize = 0x5c;
    pub const UNK_64: usize = 0x60;
    pub const UNK_FLAG: usize = 0x6d;
    pub const PAD: usize = 0x75;
}
pub mod timestamp_op {
    pub const SIZE: usize = 0x3c;
    pub const COMMAND_TIME: usize = 4;
    pub const POINTERS: usize = 0xc;
    pub const UPDATE: usize = 0x14;
    pub const QUEUE: usize = 0x1c;
    pub const USER_POINTERS: usize = 0x24;
    pub const UNK_TS: usize = 0x2c;
    pub const UUID: usize = 0x34;
}
pub mod attachment {
    pub const SIZE: usize = 0x10;
}
pub mod pipe_message {
    pub const TYPE: usize = 0;
    pub const QUEUE: usize = 4;
    pub const WRITE: usize = 0xc;
    pub const SLOT: usize = 0x10;
    pub const IS_NEW: usize = 0x14;
}
pub mod device_control {
    pub const GROW_TVB_ACK: u32 = 0x0e;
    pub const RECOVER_CHANNEL: u32 = 0x0f;
    pub const IDLE_POWER_OFF: u32 = 0x10;
    pub const DESTROY_CONTEXT: u32 = 0x18;
    pub const WRITE32: u32 = 0x19;
    pub const INITIALIZE: u32 = 0x1a;
    pub const DESTROY_CONTEXT_CTX: usize = 0x11;
    pub const DESTROY_CONTEXT_VA: usize = 0x14;
}
pub mod recover_channel {
    pub const TYPE: usize = 4;
    pub const QUEUE: usize = 8;
    pub const VALUE: usize = 0x10;
}
pub mod grow_tvb_ack {
    pub const BUFFER_SLOT: usize = 8;
}
pub mod fw_ctl {
    pub const ADDRESS: usize = 0;
    pub const UNK_8: usize = 8;
    pub const SLOT: usize = 0xc;
    pub const PAGES: usize = 0x10;
    pub const UNK_12: usize = 0x12;
}
pub mod handoff {
    pub const FLUSH: u64 = 0x20;
    pub const FLUSH_SIZE: u64 = 0x18;
}
pub mod halt_info {
    pub const TOTAL_HALTS: usize = 0x18;
}
