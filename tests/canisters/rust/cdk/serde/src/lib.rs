//! The one name of `serde` that canisters need for Candid. The real crate is what the real
//! `Deserialize` of `candid` expands to; here it is the other way round.

pub use candid::Deserialize;
