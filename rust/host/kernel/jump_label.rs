// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Logic for static keys.

/// Branch based on a static key.
///
/// # Safety
///
/// The macro must be used with a real static key.
#[macro_export]
macro_rules! static_branch_unlikely {
    ($key:path, $keytyp:ty, $field:ident) => {{
        let key: *const $keytyp = ::core::ptr::addr_of!($key);
        (*key).$field.is_enabled()
    }};
}
pub use static_branch_unlikely;
