// SPDX-License-Identifier: MIT OR Apache-2.0

//! The loop over instructions.

use super::{Cache, Dispatch, Fault, FaultKind, Group, Host, Shared, Stop};

impl Group {
    /// Runs until the group ends, waits, or has carried out `budget` instructions; what is left of
    /// the budget is written back.
    ///
    /// `local` is the threadgroup memory. Threadgroups may run on different host threads, groups of
    /// one threadgroup may not run at once.
    pub fn run<H: Host>(
        &mut self,
        host: &mut H,
        shared: &Shared,
        dispatch: &Dispatch,
        local: &mut [u8],
        cache: &mut Cache,
        budget: &mut u64,
    ) -> Stop {
        let _ = (shared, dispatch, local, cache, budget);
        self.interpret(host)
    }

    /// Runs a preamble, which writes to `shared`.
    ///
    /// The group should have one lane; whether hardware runs more is not known, and the code that
    /// compilers emit does not tell.
    pub fn run_preamble<H: Host>(
        &mut self,
        host: &mut H,
        shared: &mut Shared,
        dispatch: &Dispatch,
        cache: &mut Cache,
        budget: &mut u64,
    ) -> Stop {
        let _ = (shared, dispatch, cache, budget);
        self.interpret(host)
    }

    fn interpret<H: Host>(&mut self, host: &mut H) -> Stop {
        let mut bytes = [0; crate::decode::MAX_LENGTH];
        let fault = |bytes: &[u8], text: String, kind| {
            let bytes = bytes.to_vec();
            let pc = self.pc;
            Stop::Fault(Box::new(Fault {
                pc,
                bytes,
                text,
                kind,
            }))
        };
        let have = match host.fetch(self.pc, &mut bytes) {
            Ok(have) => have,
            Err(error) => return fault(&[], String::new(), FaultKind::Fetch(error)),
        };
        match crate::decode(&bytes[..have]) {
            Ok(found) => fault(
                &bytes[..found.length],
                format!("{:?}", found.entry.op),
                FaultKind::Unsupported("not carried out yet".into()),
            ),
            Err(crate::DecodeError::Unknown) => {
                fault(&bytes[..have], String::new(), FaultKind::Unknown)
            }
            Err(crate::DecodeError::Truncated(_)) => {
                fault(&bytes[..have], String::new(), FaultKind::Truncated)
            }
        }
    }
}
