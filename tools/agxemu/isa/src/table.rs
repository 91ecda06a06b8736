// SPDX-License-Identifier: MIT OR Apache-2.0

//! The encodings of all instructions, as data.
//!
//! The facts come from the public work of applegpu (dougallj) and of Mesa's asahi compiler.
//! An entry reads: name, bytes of the short and the long form, the bit that selects the long
//! form, the bits to match, then operands and fields. Bit ranges include both ends; when there
//! are several, the first is the least significant.

/// A range of bits, both ends included.
pub type Bits = (u8, u8);

/// How the bits of an operand are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Destination of 16 or 32 bits.
    Dalu,
    /// Destination of 16 bits.
    Dhalf,
    /// Destination of 16, 32 or 64 bits.
    Dalu64,
    /// Integer source.
    Alu,
    /// Integer source with sign extension.
    Mul,
    /// As `Mul`, and a 64-bit register pair as well.
    Add,
    /// Float source.
    Float,
    /// 16-bit float source.
    Half,
    /// What a select yields.
    Cmpsel,
    /// Registers of a memory access, with the mask of channels.
    Mem,
    /// 64-bit base address.
    Membase,
    /// Index added to the base.
    Memindex,
    /// Base in threadgroup memory.
    Lbase,
    /// Index in threadgroup memory.
    Lindex,
    /// Number of a 32-bit register.
    R32x,
}

/// An operand: kind and place.
#[derive(Debug)]
pub struct Operand {
    pub kind: Kind,
    pub bits: &'static [Bits],
}

/// A named field that is no operand.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub bits: &'static [Bits],
}

/// One instruction.
#[derive(Debug)]
pub struct Entry {
    pub op: Op,
    /// Bytes of the short form.
    pub short: u8,
    /// Bytes of the long form; equal to `short` when there is only one.
    pub long: u8,
    /// The bit that selects the long form.
    pub long_bit: u8,
    /// Bits that must have a value: first, last, value.
    pub pattern: &'static [(u8, u8, u64)],
    pub operands: &'static [Operand],
    pub fields: &'static [Field],
}

macro_rules! table {
    ($($op:ident $short:literal/$long:literal @$bit:literal
        [$($first:literal:$last:literal=$value:literal)*]
        ($($kind:ident $($olo:literal:$ohi:literal)+),*)
        {$($field:ident $($flo:literal:$fhi:literal)+),*})*) => {
        /// What an instruction does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op { $($op),* }

        /// All instructions. At most one entry matches any byte sequence.
        pub static TABLE: &[Entry] = &[$(Entry {
            op: Op::$op,
            short: $short,
            long: $long,
            long_bit: $bit,
            pattern: &[$(($first, $last, $value)),*],
            operands: &[$(Operand { kind: Kind::$kind, bits: &[$(($olo, $ohi)),+] }),*],
            fields: &[$(Field { name: stringify!($field), bits: &[$(($flo, $fhi)),+] }),*],
        }),*];
    };
}

table! {
    MovImm16 4/6 @15 [0:6=0x62 8:8=0x0]
        (Dalu 7:14 44:45)
        {imm 16:31}
    MovImm32 6/8 @15 [0:6=0x62 8:8=0x1]
        (Dalu 7:14 60:61)
        {imm 16:47}
    GetSr 4/4 @15 [0:6=0x72 15:15=0x0]
        (Dalu 7:14 28:29)
        {sr 16:21 26:27}
    Iadd 8/8 @15 [0:5=0x0e 15:15=0x0]
        (Dalu64 7:14 44:45, Add 16:26 42:43, Add 28:38 40:41)
        {neg 27:27, shift 39:39 52:53, sat 6:6}
    Imad 8/8 @15 [0:5=0x1e 15:15=0x0]
        (Dalu64 7:14 60:61, Mul 16:26 58:59, Mul 28:38 56:57, Add 40:50 54:55)
        {neg 27:27, shift 39:39 52:53, sat 6:6}
    Bfi 8/8 @15 [0:6=0x2e 15:15=0x0 26:27=0x0]
        (Dalu 7:14 60:61, Alu 16:25 58:59, Alu 28:37 56:57, Alu 40:49 54:55)
        {m 38:39 50:51 63:63}
    Bfeil 8/8 @15 [0:6=0x2e 15:15=0x1 26:27=0x0]
        (Dalu 7:14 60:61, Alu 16:25 58:59, Alu 28:37 56:57, Alu 40:49 54:55)
        {m 38:39 50:51 63:63}
    Extr 8/8 @15 [0:6=0x2e 15:15=0x0 26:27=0x1]
        (Dalu 7:14 60:61, Alu 16:25 58:59, Alu 28:37 56:57, Alu 40:49 54:55)
        {m 38:39 50:51 63:63}
    Asr 8/8 @15 [0:6=0x2e 15:15=0x1 26:27=0x1]
        (Dalu 7:14 60:61, Alu 16:25 58:59, Alu 28:37 56:57, Alu 40:49 54:55)
        {m 38:39 50:51 63:63}
    Shlhi 8/8 @15 [0:6=0x2e 15:15=0x0 26:27=0x2]
        (Dalu 7:14 60:61, Alu 16:25 58:59, Alu 28:37 56:57, Alu 40:49 54:55)
        {m 38:39 50:51 63:63}
    Shrhi 8/8 @15 [0:6=0x2e 15:15=0x1 26:27=0x2]
        (Dalu 7:14 60:61, Alu 16:25 58:59, Alu 28:37 56:57, Alu 40:49 54:55)
        {m 38:39 50:51 63:63}
    Asrh 8/8 @15 [0:6=0x2e 15:15=0x1 26:27=0x3]
        (Dalu 7:14 60:61, Alu 16:25 58:59, Alu 28:37 56:57, Alu 40:49 54:55)
        {m 38:39 50:51 63:63}
    Bitop 6/6 @15 [0:6=0x7e 15:15=0x0]
        (Dalu 7:14 44:45, Alu 16:25 42:43, Alu 28:37 40:41)
        {tt 26:27 38:39}
    Intl 6/6 @15 [0:6=0x3e 15:15=0x0 26:27=0x0 38:39=0x0]
        (Dalu 7:14 44:45, Alu 16:25 42:43, Alu 28:37 40:41)
        {}
    Bitrev 6/6 @15 [0:6=0x3e 15:15=0x0 26:27=0x1 28:39=0x0]
        (Dalu 7:14 44:45, Alu 16:25 42:43)
        {}
    Popcount 6/6 @15 [0:6=0x3e 15:15=0x0 26:27=0x2 28:39=0x0]
        (Dalu 7:14 44:45, Alu 16:25 42:43)
        {}
    Ffs 6/6 @15 [0:6=0x3e 15:15=0x0 26:27=0x3 28:39=0x0]
        (Dalu 7:14 44:45, Alu 16:25 42:43)
        {}
    Convert 6/6 @15 [0:6=0x3e 15:15=0x1 22:25=0x0 38:39=0x0 42:43=0x0]
        (Dalu 7:14 44:45, Alu 28:37 40:41)
        {mode 16:21, round 26:27}
    Fadd 4/6 @15 [0:5=0x2a]
        (Dalu 7:14 44:45, Float 16:27 42:43, Float 28:39 40:41)
        {sat 6:6}
    Fmul 4/6 @15 [0:5=0x1a]
        (Dalu 7:14 44:45, Float 16:27 42:43, Float 28:39 40:41)
        {sat 6:6}
    Ffma 6/8 @15 [0:5=0x3a]
        (Dalu 7:14 60:61, Float 16:27 58:59, Float 28:39 56:57, Float 40:51 54:55)
        {sat 6:6}
    Hadd 4/6 @15 [0:5=0x26]
        (Dhalf 7:14 44:45, Half 16:26 42:43, Half 28:38 40:41)
        {sat 6:6}
    Hmul 4/6 @15 [0:5=0x16]
        (Dhalf 7:14 44:45, Half 16:26 42:43, Half 28:38 40:41)
        {sat 6:6}
    Hfma 6/8 @15 [0:5=0x36]
        (Dhalf 7:14 60:61, Half 16:26 58:59, Half 28:38 56:57, Half 40:50 54:55)
        {sat 6:6}
    Funop 4/6 @15 [0:5=0x0a 34:41=0x0]
        (Dalu 7:14 44:45, Float 16:27 42:43)
        {op 28:33, sat 6:6}
    Icmpsel 8/10 @15 [0:6=0x12]
        (Dalu 7:14 76:77, Alu 16:25 74:75, Alu 28:37 72:73, Cmpsel 40:48 70:71 8:8, Cmpsel 52:60 68:69 8:8)
        {icond 61:63}
    Fcmpsel 8/10 @15 [0:6=0x02]
        (Dalu 7:14 76:77, Float 16:27 74:75, Float 28:39 72:73, Cmpsel 40:48 70:71 8:8, Cmpsel 52:60 68:69 8:8)
        {fcond 61:63}
    IfIcmp 6/6 @15 [0:6=0x52 9:10=0x0 26:27=0x0 38:39=0x0 44:45=0x0]
        (Alu 16:25 42:43, Alu 28:37 40:41)
        {n 11:12, icond 13:15 8:8, cache 7:7}
    ElseIcmp 6/6 @15 [0:6=0x52 9:10=0x1 26:27=0x0 38:39=0x0 44:45=0x0]
        (Alu 16:25 42:43, Alu 28:37 40:41)
        {n 11:12, icond 13:15 8:8, cache 7:7}
    WhileIcmp 6/6 @15 [0:6=0x52 9:10=0x2 26:27=0x0 38:39=0x0 44:45=0x0]
        (Alu 16:25 42:43, Alu 28:37 40:41)
        {n 11:12, icond 13:15 8:8, cache 7:7}
    PopExec 6/6 @15 [0:6=0x52 9:10=0x3 13:47=0x0]
        ()
        {n 11:12, cache 7:7}
    IfFcmp 6/6 @15 [0:6=0x42 9:10=0x0 44:45=0x0]
        (Float 16:27 42:43, Float 28:39 40:41)
        {n 11:12, fcond 13:15 8:8, cache 7:7}
    ElseFcmp 6/6 @15 [0:6=0x42 9:10=0x1 44:45=0x0]
        (Float 16:27 42:43, Float 28:39 40:41)
        {n 11:12, fcond 13:15 8:8, cache 7:7}
    WhileFcmp 6/6 @15 [0:6=0x42 9:10=0x2 44:45=0x0]
        (Float 16:27 42:43, Float 28:39 40:41)
        {n 11:12, fcond 13:15 8:8, cache 7:7}
    JmpExecAny 6/6 @15 [0:15=0xc000]
        ()
        {off 16:47}
    JmpExecNone 6/6 @15 [0:15=0xc020]
        ()
        {off 16:47}
    Call 6/6 @15 [0:15=0xc010]
        ()
        {off 16:47}
    CallReg 2/2 @15 [0:6=0x04]
        (R32x 9:15)
        {}
    Ret 2/2 @15 [0:6=0x14]
        (R32x 9:15)
        {}
    Stop 2/2 @15 [0:15=0x0088]
        ()
        {}
    Trap 2/2 @15 [0:15=0x0008]
        ()
        {}
    Wait 2/2 @15 [0:7=0x38]
        ()
        {group 8:8}
    DeviceLoad 6/8 @47 [0:6=0x05 26:26=0x1 46:46=0x1]
        (Mem 10:15 40:41 49:49 52:55, Membase 16:19 36:39 27:27, Memindex 20:23 32:35 56:63 24:24 25:25)
        {fmt 7:9 48:48, shift 42:43, coh 44:45, group 30:30}
    DeviceStore 6/8 @47 [0:6=0x45 26:26=0x1 46:46=0x1]
        (Mem 10:15 40:41 49:49 52:55, Membase 16:19 36:39 27:27, Memindex 20:23 32:35 56:63 24:24 25:25)
        {fmt 7:9 48:48, shift 42:43, coh 44:45, group 30:30}
    UniformStore 6/8 @47 [0:6=0x45 26:29=0xf 16:19=0x0 36:39=0x0 46:46=0x0 50:51=0x0]
        (Mem 10:15 40:41 49:49 52:55, Memindex 20:23 32:35 56:63 24:24 25:25)
        {fmt 7:9 48:48, shift 42:43, group 30:30}
    TexStateStore 8/8 @15 [0:7=0xed 20:20=0x1]
        ()
        {ts 8:14, group 16:16, off 26:56, immoff 58:58, ubase 59:63}
    SamplerStateStore 8/8 @15 [0:7=0xad 20:20=0x1]
        ()
        {ss 8:14, group 16:16, off 26:56, immoff 58:58, ubase 59:63}
    Atomic 8/8 @15 [0:5=0x15 26:26=0x1 31:31=0x1 46:46=0x1]
        (Membase 16:19 36:39 27:27, Memindex 20:23 32:35 56:63 24:24 25:25)
        {op 6:9, dst 10:15 40:41, dstvalid 47:47, src 48:55, coh 44:45, group 30:30}
    LocalLoad 6/8 @15 [0:6=0x69]
        (Mem 9:14 60:61 8:8 36:39, Lbase 16:21 58:59 22:23, Lindex 28:33 48:57 34:34)
        {fmt 24:27}
    LocalStore 6/8 @15 [0:6=0x29]
        (Mem 9:14 60:61 8:8 36:39, Lbase 16:21 58:59 22:23, Lindex 28:33 48:57 34:34)
        {fmt 24:27}
    LocalAtomic 6/10 @15 [0:5=0x19 36:36=0x1 47:47=0x1]
        (Lbase 16:21 58:59 22:23, Lindex 28:33 48:57 34:34)
        {op 24:27, dst 9:14 60:61, dstvalid 38:38, size32 8:8, src 64:71}
    ThreadgroupBarrier 2/2 @15 [0:7=0x68]
        ()
        {}
    MemoryBarrier 2/2 @15 [0:7=0xf5]
        ()
        {b 8:9, a 10:11, c 12:15}
    IcmpBallot 8/8 @15 [0:6=0x32 49:60=0x0]
        (Dalu 7:14 44:45, Alu 16:25 42:43, Alu 28:37 40:41)
        {simd 48:48, icond 61:63 47:47}
    FcmpBallot 8/8 @15 [0:6=0x22 49:60=0x0]
        (Dalu 7:14 44:45, Float 16:27 42:43, Float 28:39 40:41)
        {simd 48:48, fcond 61:63 47:47}
    Shuffle 6/6 @15 [0:6=0x6f 15:15=0x0 27:27=0x0]
        (Dalu 7:14 44:45, Alu 16:25 42:43, Alu 28:37 40:41)
        {simd 26:26, op 38:39, rotate 47:47}
    Reduce 6/6 @15 [0:6=0x6f 15:15=0x1 26:27=0x0 31:37=0x0 41:41=0x0]
        (Dalu 7:14 44:45, Alu 16:25 42:43)
        {simd 29:29, prefix 30:30, op 28:28 38:40 47:47}
    StackLoad 6/8 @47 [0:7=0x35 26:26=0x1 36:38=0x0 44:46=0x4]
        (Mem 10:15 40:41 49:49 52:55, Memindex 20:23 32:35 56:63 24:24 25:25)
        {fmt 8:9 50:51, shift 42:43, group 30:30}
    StackStore 6/8 @47 [0:7=0xb5 26:26=0x1 36:38=0x0 44:46=0x4]
        (Mem 10:15 40:41 49:49 52:55, Memindex 20:23 32:35 56:63 24:24 25:25)
        {fmt 8:9 50:51, shift 42:43, group 30:30}
    StackAdjust 6/8 @47 [0:7=0xb5 16:16=0x1 26:26=0x1 36:38=0x2 44:46=0x0]
        (Memindex 20:23 32:35 56:63 24:24 25:25)
        {}
    Smpf 8/12 @15 [0:7=0x31 45:46=0x3]
        (Mem 9:14 72:73 8:8 48:51)
        {heap 64:68, heapvalid 39:39, tex 32:37 78:79, textype 38:39, smp 56:61 92:93, smpreg 62:62, crd 16:21 74:75, crddisc 22:22, crd16 47:47, lod 24:29 76:77, lodmode 52:55, cmpoff 80:85 94:95, shadow 23:23, offset 91:91, querylod 31:31, rw 43:43, coh 44:44, sparse 70:70, kill 69:69, dim 40:42 71:71, gather 87:90, group 63:63}
    Smpi 8/12 @15 [0:7=0x71 45:46=0x3]
        (Mem 9:14 72:73 8:8 48:51)
        {heap 64:68, heapvalid 39:39, tex 32:37 78:79, textype 38:39, smp 56:61 92:93, smpreg 62:62, crd 16:21 74:75, crddisc 22:22, crd16 47:47, lod 24:29 76:77, lodmode 52:55, cmpoff 80:85 94:95, shadow 23:23, offset 91:91, querylod 31:31, rw 43:43, coh 44:44, sparse 70:70, kill 69:69, dim 40:42 71:71, gather 87:90, group 63:63}
    ImageWrite 6/8 @15 [0:7=0xf1 23:23=0x1 43:43=0x1 46:46=0x1]
        ()
        {src 9:14 56:57, src32 8:8, heap 48:52, heapvalid 39:39, tex 32:37 62:63, textype 38:39, crd 16:21 58:59, crddisc 22:22, crd16 47:47, lod 24:29 60:61, lodimm 31:31, dim 40:42 55:55, rtz 53:53, coh 44:45}
    ImageWriteBlock 6/10 @15 [0:7=0xb1 43:43=0x1 46:46=0x1]
        ()
        {src 9:14 56:57, heap 48:52, heapvalid 39:39, tex 32:37 62:63 78:79, textype 38:39, crd 16:21 58:59, crddisc 22:22, crd16 47:47, lod 24:29 60:61, lodimm 31:31, explicit 23:23, dim 40:42 55:55, fmt 8:8 64:66, rtz 53:53}
    LdTile 8/10 @15 [0:6=0x49 35:35=0x1]
        (Mem 9:14 60:61 8:8 36:39)
        {crd 16:21 58:59, crdreg 55:55, smask 42:47 56:57, smaskreg 22:22, off 28:34 40:41, fmt 24:27}
    StTile 8/10 @15 [0:6=0x09]
        (Mem 9:14 60:61 8:8 36:39)
        {crd 16:21 58:59, crdreg 55:55, smask 42:47 56:57, smaskreg 22:22, off 28:34 40:41, explicit 35:35, fmt 24:27}
    StVar 4/4 @15 [0:6=0x11 8:9=0x0 22:22=0x0 31:31=0x1]
        (R32x 10:14 24:25)
        {uvs 16:21 26:27, uvsimm 23:23, last 7:7}
    NoVar 4/4 @15 [0:9=0x051 22:22=0x0 31:31=0x1]
        ()
        {}
    Iter 4/8 @15 [0:7=0x21]
        ()
        {dst 9:14 56:57, size32 8:8, count 30:31, cf 16:21 58:59, cfreg 23:23, smp 32:39, interp 48:49, fwd 22:22, elide 46:46, kill 52:52}
    Iterproj 4/8 @15 [0:7=0x61]
        ()
        {dst 9:14 56:57, size32 8:8, count 30:31, cf 16:21 58:59, cfreg 23:23, cfw 24:29 60:61, smp 32:39, interp 48:49, fwd 22:22, elide 46:46, kill 52:52}
    Ldcf 4/8 @15 [0:7=0xa1]
        ()
        {dst 9:14 56:57, size32 8:8, count 30:31, cf 16:21 58:59, cfreg 23:23, smp 32:39, interp 48:49}
    SampleMask 4/4 @15 [0:7=0xc1 15:15=0x0]
        ()
        {target 9:14 24:25, targetimm 8:8, live 16:21 26:27, liveimm 23:23}
    ZsEmit 4/4 @15 [0:7=0x41 15:15=0x0 22:23=0x0]
        ()
        {target 9:14 24:25, targetimm 8:8, zs 16:21 26:27, which 29:30}
    WaitPix 4/4 @15 [0:7=0x48]
        ()
        {i 8:17, j 22:23}
    SignalPix 4/4 @15 [0:7=0x58]
        ()
        {i 8:17, j 22:23}
    Doorbell 2/2 @15 [0:7=0x28]
        ()
        {imm 8:15}
    JmpIfSkippingDoorbell 4/4 @15 [0:15=0x0020 24:31=0x0]
        ()
        {off 16:23}
    JmpIncomplete 4/4 @15 [0:15=0x0 24:31=0x0]
        ()
        {off 16:23}
    SimdMatrixFma16 8/8 @15 [0:6=0x6f 26:26=0x0 27:27=0x1 63:63=0x1]
        (Dhalf 7:14 60:61, Half 16:26 58:59, Half 28:38 56:57, Half 40:50 54:55)
        {}
    SimdMatrixFma32 8/8 @15 [0:6=0x6f 26:26=0x1 27:27=0x1 63:63=0x1]
        (Dalu 7:14 60:61, Float 16:27 58:59, Float 28:39 56:57, Float 40:51 54:55)
        {}
    StackMap 8/8 @15 [0:7=0x75 10:10=0x0 16:19=0x1 24:25=0x1 26:26=0x1 47:47=0x1]
        (R32x 11:15 40:41)
        {target 36:36, slot 20:23 32:35 56:63}
    StackUnmap 8/8 @15 [0:7=0x75 10:10=0x0 16:19=0x0 24:25=0x1 26:26=0x1 47:47=0x1]
        (R32x 11:15 40:41)
        {target 36:36, slot 20:23 32:35 56:63}
}
