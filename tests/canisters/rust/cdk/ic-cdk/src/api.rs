//! The system's calls, with their names in `ic_cdk::api`.

use candid::Principal;

mod ic0 {
    #[link(wasm_import_module = "ic0")]
    extern "C" {
        pub fn accept_message();
        pub fn canister_self_copy(to: *mut u8, offset: usize, size: usize);
        pub fn canister_self_size() -> usize;
        pub fn debug_print(text: *const u8, size: usize);
        pub fn msg_arg_data_copy(to: *mut u8, offset: usize, size: usize);
        pub fn msg_arg_data_size() -> usize;
        pub fn msg_caller_copy(to: *mut u8, offset: usize, size: usize);
        pub fn msg_caller_size() -> usize;
        pub fn msg_reply();
        pub fn msg_reply_data_append(data: *const u8, size: usize);
        pub fn stable64_grow(pages: u64) -> u64;
        pub fn stable64_read(to: u64, offset: u64, size: u64);
        pub fn stable64_size() -> u64;
        pub fn stable64_write(offset: u64, from: u64, size: u64);
        pub fn time() -> u64;
        pub fn trap(text: *const u8, size: usize) -> !;
    }
}

type Size = unsafe extern "C" fn() -> usize;
type Copy = unsafe extern "C" fn(*mut u8, usize, usize);

fn copied(size: Size, copy: Copy) -> Vec<u8> {
    // Safety: the system writes as many bytes as it is asked for, and the vector has them.
    unsafe {
        let mut bytes = vec![0; size()];
        copy(bytes.as_mut_ptr(), 0, bytes.len());
        bytes
    }
}

pub fn msg_arg_data() -> Vec<u8> {
    copied(ic0::msg_arg_data_size, ic0::msg_arg_data_copy)
}

pub fn msg_caller() -> Principal {
    Principal::from_slice(&copied(ic0::msg_caller_size, ic0::msg_caller_copy))
}

pub fn canister_self() -> Principal {
    Principal::from_slice(&copied(ic0::canister_self_size, ic0::canister_self_copy))
}

// Safety, here and below: what the system reads and writes is a slice's.

pub fn msg_reply<T: AsRef<[u8]>>(data: T) {
    let data = data.as_ref();
    unsafe {
        ic0::msg_reply_data_append(data.as_ptr(), data.len());
        ic0::msg_reply();
    }
}

pub fn trap<T: AsRef<str>>(data: T) -> ! {
    let text = data.as_ref();
    unsafe { ic0::trap(text.as_ptr(), text.len()) }
}

pub fn debug_print<T: AsRef<str>>(data: T) {
    let text = data.as_ref();
    unsafe { ic0::debug_print(text.as_ptr(), text.len()) }
}

pub fn stable_write(offset: u64, buf: &[u8]) {
    unsafe { ic0::stable64_write(offset, buf.as_ptr() as u64, buf.len() as u64) }
}

pub fn stable_read(offset: u64, buf: &mut [u8]) {
    unsafe { ic0::stable64_read(buf.as_mut_ptr() as u64, offset, buf.len() as u64) }
}

// Safety, of the rest: these only take and give numbers.

pub fn stable_size() -> u64 {
    unsafe { ic0::stable64_size() }
}

pub fn stable_grow(new_pages: u64) -> u64 {
    unsafe { ic0::stable64_grow(new_pages) }
}

pub fn time() -> u64 {
    unsafe { ic0::time() }
}

pub fn accept_message() {
    unsafe { ic0::accept_message() }
}
