// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! The few registers that the driver touches. Everything else goes through the firmware.

use crate::hw::{
    fault::FaultInfo,
    ident::IdRegisters,
    Chip,
    Generation, //
};
use kernel::{
    device::Bound,
    io::{
        mem::DevresIoMem,
        Io, //
    },
    platform,
    prelude::*, //
};

/// Size of the `sgx` block.
const SGX_SIZE: usize = 0x100_0000;
/// The part of the `asc` block that this driver uses. The mailbox above it has a driver of its own.
const ASC_SIZE: usize = 0x4000;

const ASC_CPU_CONTROL: usize = 0x44;
const CPU_CONTROL_RUN: u32 = 1 << 4;

const ID_VERSION: usize = 0xd0_4000;
const ID_UNK08: usize = 0xd0_4008;
const ID_COUNTS_1: usize = 0xd0_4010;
const ID_COUNTS_2: usize = 0xd0_4014;
const ID_UNK18: usize = 0xd0_4018;
const ID_CLUSTERS: usize = 0xd0_401c;

/// The register blocks of the GPU. Access fails with `ENXIO` once the device is unbound.
pub(crate) struct Regs {
    sgx: DevresIoMem<SGX_SIZE>,
    asc: DevresIoMem<ASC_SIZE>,
    generation: Generation,
}

impl Regs {
    /// Maps both blocks of `pdev`.
    pub(crate) fn map(pdev: &platform::Device<Bound>, chip: &Chip) -> Result<Self> {
        let sgx = pdev.io_request_by_name(c"sgx").ok_or(ENODEV)?;
        let asc = pdev.io_request_by_name(c"asc").ok_or(ENODEV)?;
        Ok(Self {
            sgx: sgx.iomap_sized::<SGX_SIZE>()?.into_devres()?,
            asc: asc.iomap_sized::<ASC_SIZE>()?.into_devres()?,
            generation: chip.generation,
        })
    }

    /// Reads the identification registers.
    pub(crate) fn read_id(&self) -> Result<IdRegisters> {
        let sgx = self.sgx.try_access().ok_or(ENXIO)?;
        let mut core_masks = [0; 3];
        let places = self.generation.registers().core_masks;
        for (mask, &place) in core_masks.iter_mut().zip(places) {
            *mask = sgx.try_read32(place)?;
        }
        Ok(IdRegisters {
            version: sgx.read32(ID_VERSION),
            unk_08: sgx.read32(ID_UNK08),
            counts_1: sgx.read32(ID_COUNTS_1),
            counts_2: sgx.read32(ID_COUNTS_2),
            unk_18: sgx.read32(ID_UNK18),
            clusters: sgx.read32(ID_CLUSTERS),
            core_masks,
        })
    }

    /// Returns whether the coprocessor's CPU runs: it does from the first start on, asleep or not.
    pub(crate) fn is_cpu_running(&self) -> Result<bool> {
        let asc = self.asc.try_access().ok_or(ENXIO)?;
        Ok(asc.read32(ASC_CPU_CONTROL) & CPU_CONTROL_RUN != 0)
    }

    /// Starts the coprocessor's CPU. Returns whether it was running already.
    ///
    /// There is no way to stop it again.
    pub(crate) fn start_cpu(&self) -> Result<bool> {
        let asc = self.asc.try_access().ok_or(ENXIO)?;
        let control = asc.read32(ASC_CPU_CONTROL);
        asc.write32(control | CPU_CONTROL_RUN, ASC_CPU_CONTROL);
        Ok(control & CPU_CONTROL_RUN != 0)
    }

    /// Returns the fault that the GPU's MMU has recorded, if any.
    pub(crate) fn fault_info(&self) -> Result<Option<FaultInfo>> {
        let sgx = self.sgx.try_access().ok_or(ENXIO)?;
        let registers = self.generation.registers();
        let info = sgx.try_read64(registers.fault_info)?;
        let address = match registers.fault_address {
            Some(place) => sgx.try_read64(place)?,
            None => 0,
        };
        Ok(FaultInfo::decode(self.generation, info, address))
    }
}
