//! One value in stable memory, from its beginning.

use crate::api::{stable_grow, stable_read, stable_size, stable_write};

const PAGE: u64 = 65_536;

/// Save a tuple over what was there.
pub fn stable_save<T: candid::CandidType>(t: T) -> Result<(), candid::Error> {
    let bytes = candid::encode_args(t)?;
    let pages = (bytes.len() as u64 + PAGE - 1) / PAGE;
    if pages > stable_size() && stable_grow(pages - stable_size()) == u64::MAX {
        return Err("Out of memory".into());
    }
    stable_write(0, &bytes);
    Ok(())
}

/// Read a tuple back. What is behind it, older or zero, is passed over.
pub fn stable_restore<T: candid::Deserialize>() -> Result<T, String> {
    let mut bytes = vec![0; (stable_size() * PAGE) as usize];
    stable_read(0, &mut bytes);
    candid::decode_args(&bytes)
}
