// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the commands of both halves have in common.

use crate::support::abi::{abi, find_at};
use agx_abi::compute::{EncoderParams, JobMeta, JobTimestamps, TimestampPointers};
use agx_abi::event::STAMP_STEP;
use agx_abi::microsequence::{RetireStamp, Timestamp, WaitForIdle};
use agx_abi::uat::Protection;
use agx_abi::{Everywhere, Field, Opt, Value};

use crate::support::driver::Driver;
use crate::support::job::{Job, Queue};

/// Where the parts are that all commands have.
pub(super) struct Common<S> {
    pub meta: Field<S, JobMeta>,
    pub encoder: Field<S, EncoderParams>,
    pub timestamps: Field<S, TimestampPointers>,
    pub user_timestamps: Field<S, TimestampPointers>,
    pub command_time: Field<S, u64>,
    pub unk_ts: Field<S, Opt<u64>>,
    pub microsequence: Field<S, u64>,
    pub microsequence_size: Field<S, u32>,
}

impl Queue {
    /// Puts the parts into the command at `at` that all commands have; its microsequence begins
    /// with `start` and has `finalize`, with the field for the restart.
    pub(super) fn complete<S: Everywhere, F: Everywhere>(
        &mut self,
        d: &mut Driver,
        at: u64,
        common: &Common<S>,
        (start, finalize, restart): (&[u8], &[u8], Field<F, i32>),
        user: [u64; 2],
    ) -> Job {
        self.value = self.value.wrapping_add(STAMP_STEP);
        let timestamps = d.mem.alloc(Protection::FW_SHARED_RW, JobTimestamps::SIZE);
        let (m, e) = (common.meta, common.encoder);
        d.mem.set(at, m.then(JobMeta::STAMP), self.host_stamp);
        d.mem.set(at, m.then(JobMeta::FW_STAMP), self.fw_stamp);
        d.mem.set(at, m.then(JobMeta::STAMP_VALUE), self.value);
        let slot = u32::from(self.event_slot);
        d.mem.set(at, m.then(JobMeta::STAMP_SLOT), slot);
        d.mem
            .set(at, m.then(JobMeta::EVENT_SEQ), self.sequence as u32);
        d.mem.set(at, e.then(EncoderParams::MASK), u32::MAX);
        d.mem
            .set(at, e.then(EncoderParams::SAMPLER_COUNT_PLUS_1), 1);
        for (pointers, to) in [
            (common.timestamps, [timestamps, timestamps + 8]),
            (common.user_timestamps, user),
        ] {
            let mut pair = TimestampPointers::zeroed();
            pair.set(TimestampPointers::START, to[0])
                .set(TimestampPointers::END, to[1]);
            d.mem.set(at, pointers, pair);
        }
        let place = |offset: usize| at + offset as u64;
        let time = |header: u32, which: Field<TimestampPointers, u64>| {
            let mut op = Timestamp::new(abi());
            op.set(Timestamp::HEADER, header)
                .set(
                    Timestamp::COMMAND_TIME,
                    place(common.command_time.offset_in(abi())),
                )
                .set(
                    Timestamp::TIMESTAMPS,
                    place(common.timestamps.offset_in(abi())),
                )
                .set(
                    Timestamp::UPDATE,
                    place(common.timestamps.then(which).offset_in(abi())),
                )
                .set(Timestamp::QUEUE, self.info)
                .set(
                    Timestamp::USER_TIMESTAMPS,
                    place(common.user_timestamps.offset_in(abi())),
                )
                .put(Timestamp::UNK_TS, find_at(at, common.unk_ts));
            op.as_bytes().to_vec()
        };
        let mut ops = start.to_vec();
        if user != [0, 0] {
            ops.extend(time(Timestamp::HEADER_START, TimestampPointers::START));
        }
        ops.extend(WaitForIdle::header(abi(), self.kind).to_le_bytes());
        if user != [0, 0] {
            ops.extend(time(Timestamp::HEADER_END, TimestampPointers::END));
        }
        let distance = ops.len();
        ops.extend(finalize);
        restart.write_in(abi(), &mut ops[distance..], -(distance as i32));
        ops.extend(RetireStamp::HEADER_VALUE.to_le_bytes());
        let microsequence = d.mem.alloc(d.habits.private, ops.len());
        d.mem.write(microsequence, &ops);
        d.mem.set(at, common.microsequence, microsequence);
        d.mem.set(at, common.microsequence_size, ops.len() as u32);
        self.sequence += 1;
        Job {
            at,
            microsequence,
            finalize: distance as u64,
            timestamps,
            value: self.value,
        }
    }
}
