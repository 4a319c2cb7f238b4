//! Gives back what it is given, of each type that the crates beside it know; and what the system
//! says of a message.

use candid::{CandidType, Deserialize, Principal};

#[derive(CandidType, Deserialize)]
struct Numbers {
    nat8: u8,
    nat16: u16,
    nat32: u32,
    nat64: u64,
    int8: i8,
    int16: i16,
    int32: i32,
    int64: i64,
    float32: f32,
    float64: f64,
}

#[derive(CandidType, Deserialize)]
struct Person {
    name: String,
    id: Principal,
    is_here: bool,
    pairs: Vec<(u8, Option<String>)>,
    nickname: Option<String>,
}

#[ic_cdk::query]
fn numbers(it: Numbers) -> Numbers {
    it
}

#[ic_cdk::query]
fn people(it: Vec<Person>) -> Vec<Person> {
    it
}

#[ic_cdk::query(name = "blobs and none")]
fn blobs(it: Vec<u8>, none: Option<Vec<u8>>) -> (Vec<u8>, Option<Vec<u8>>) {
    (it, none)
}

#[ic_cdk::update]
fn system() -> (Principal, Principal, u64) {
    ic_cdk::println!("it is {}", ic_cdk::api::time());
    (ic_cdk::api::msg_caller(), ic_cdk::api::canister_self(), ic_cdk::api::time())
}

#[ic_cdk::inspect_message]
fn inspect() {
    ic_cdk::api::accept_message();
}

ic_cdk::export_candid!();
