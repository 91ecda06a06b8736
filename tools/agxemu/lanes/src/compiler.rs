// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a program to host code.

use std::fmt;
use std::sync::Arc;

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{types, AbiParam, Function, Signature, UserFuncName};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::Context;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

use super::{Body, Code};

/// Why there is no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing can be compiled for this host; the text says why.
    Host(String),
    /// The program was not compiled, or the host has no room for its code.
    Program(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(why) => write!(f, "no code can be compiled for this host: {why}"),
            Self::Program(why) => write!(f, "a program was not compiled: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Compiles programs for this host.
#[derive(Clone)]
pub struct Compiler {
    isa: Arc<dyn TargetIsa>,
}

impl Compiler {
    /// Returns a compiler.
    ///
    /// # Errors
    ///
    /// If there is none for the CPU, or the CPU lacks what programs need: fused multiply-add and
    /// rounding to integers.
    pub fn new() -> Result<Self, Error> {
        let host = |why: &dyn fmt::Display| Error::Host(why.to_string());
        if cfg!(not(target_endian = "little")) {
            return Err(host(&"it is not little-endian"));
        }
        #[cfg(target_arch = "x86_64")]
        if !is_x86_feature_detected!("avx2") || !is_x86_feature_detected!("fma") {
            return Err(host(&"the CPU has no AVX2 or no fused multiply-add"));
        }
        let mut flags = settings::builder();
        for (name, value) in [("opt_level", "speed"), ("enable_verifier", verifier())] {
            flags.set(name, value).map_err(|e| host(&e))?;
        }
        let builder = cranelift_native::builder().map_err(|e| host(&e))?;
        let isa = builder.finish(settings::Flags::new(flags));
        let isa = isa.map_err(|e| host(&e))?;
        if isa.pointer_type() != types::I64 {
            return Err(host(&"its addresses have not 64 bits"));
        }
        Ok(Self { isa })
    }

    /// Compiles the program that `tell` tells to the body.
    ///
    /// # Errors
    ///
    /// [`Error::Program`].
    pub fn compile(&self, tell: impl FnOnce(&mut Body<'_>)) -> Result<Code, Error> {
        let program = |why: &dyn fmt::Display| Error::Program(why.to_string());
        let mut signature = Signature::new(CallConv::triple_default(self.isa.triple()));
        signature.params.push(AbiParam::new(types::I64));
        let function = Function::with_name_signature(UserFuncName::default(), signature);
        let mut context = Context::for_function(function);
        let mut kept = FunctionBuilderContext::new();
        let builder = FunctionBuilder::new(&mut context.func, &mut kept);
        let mut body = Body::new(builder);
        tell(&mut body);
        body.finish();
        let compiled = context.compile(&*self.isa, &mut ControlPlane::default());
        let compiled = compiled.map_err(|e| program(&e.inner))?;
        if !compiled.buffer.relocs().is_empty() {
            return Err(program(&"it calls a function of the host"));
        }
        // SAFETY: The signature is that of the invariant, the instructions are those of this CPU,
        // and without relocations the code runs at any address and calls nothing. Addresses come
        // from `Body`, which checks each place and adds it to the pointer that it belongs to.
        let code = unsafe { Code::new(compiled.code_buffer()) };
        code.map_err(|e| program(&e))
    }
}

/// Returns whether cranelift checks what it is given; it costs time.
const fn verifier() -> &'static str {
    if cfg!(debug_assertions) {
        "true"
    } else {
        "false"
    }
}
