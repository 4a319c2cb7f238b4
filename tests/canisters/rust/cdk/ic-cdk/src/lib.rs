//! Enough of `ic-cdk`'s interface that ordinary canisters compile unchanged where crates.io
//! cannot be reached. Written for these tests from the Internet Computer's interface: not the
//! crate of that name, nor for anything else.
//!
//! It has the attributes for methods and hooks, `export_candid!`, `println!`, `trap`, a few calls
//! of `api`, and `storage`. It has nothing asynchronous: no calls, no timers.

pub mod api;
pub mod storage;

#[doc(hidden)]
pub mod glue;

pub use api::trap;
pub use ic_cdk_macros::{
    export_candid, heartbeat, init, inspect_message, post_upgrade, pre_upgrade, query, update,
};

/// Write a line into the canister's log.
#[macro_export]
macro_rules! println {
    ($($words:tt)*) => {
        $crate::api::debug_print(format!($($words)*))
    };
}
