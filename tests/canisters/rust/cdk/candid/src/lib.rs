//! Enough of `candid`'s interface that ordinary canisters compile unchanged where crates.io
//! cannot be reached. Written for these tests from Candid's specification: not the crate of that
//! name, nor for anything else.
//!
//! It has the numbers of 8 to 64 bits, bool, text, principal, vec (so blob), opt, tuples, and
//! structs with named fields. It has no variants, recursive types, unbounded numbers, references
//! and no serde; and a value of a wrong type is an error also where an `opt` around it would
//! make it null.

mod message;
mod types;
mod values;

pub use ic_cdk_macros::{CandidType, Deserialize};
pub use message::{decode_args, encode_args, Reader};
pub use types::{field_hash, Type};
pub use values::{read_record, write_record, Principal};

/// What went wrong, in words.
pub type Error = String;

/// A Rust type that has a Candid type.
pub trait CandidType {
    fn ty() -> Type;

    fn write(&self, out: &mut Vec<u8>);
}

/// A Rust type that is made from a Candid value. (In the real crate this is serde's.)
pub trait Deserialize: Sized {
    /// Read a value that was written as a `wire` type.
    fn read(wire: &Type, from: &mut Reader<'_>) -> Result<Self, Error>;

    /// What a field is that nobody wrote.
    fn absent(name: &str) -> Result<Self, Error> {
        Err(format!("field {} is missing", name))
    }
}
