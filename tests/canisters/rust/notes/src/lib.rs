//! Notes in the heap, carried over upgrades in stable memory, and drafts, which are not. Panics
//! as Rust code does: by an index, by `expect`, by arithmetic, by a second borrow.

use std::cell::RefCell;

use candid::{CandidType, Deserialize, Principal};

#[derive(CandidType, Deserialize, Clone)]
struct Note {
    text: String,
    author: Option<Principal>,
    tags: Vec<String>,
}

thread_local! {
    static NOTES: RefCell<Vec<Note>> = const { RefCell::new(Vec::new()) };
    static DRAFTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

#[ic_cdk::update]
fn add(text: String, tags: Vec<String>) -> u64 {
    let note = Note { text, author: Some(ic_cdk::api::msg_caller()), tags };
    NOTES.with(|notes| {
        notes.borrow_mut().push(note);
        notes.borrow().len() as u64
    })
}

#[ic_cdk::query]
fn note(index: u64) -> Note {
    NOTES.with(|notes| notes.borrow()[index as usize].clone())
}

#[ic_cdk::query]
fn all() -> Vec<Note> {
    NOTES.with(|notes| notes.borrow().clone())
}

#[ic_cdk::update]
fn add_draft(text: String) {
    DRAFTS.with(|drafts| drafts.borrow_mut().push(text));
}

#[ic_cdk::query]
fn drafts() -> Vec<String> {
    DRAFTS.with(|drafts| drafts.borrow().clone())
}

/// Keeps as many bytes as the heap has room for.
#[ic_cdk::update]
fn fill(size: u32) {
    add_draft("x".repeat(size as usize));
}

#[ic_cdk::update]
fn clear_then_look() -> Note {
    NOTES.with(|notes| {
        notes.borrow_mut().clear();
        notes.borrow().first().cloned().expect("there is a note")
    })
}

#[ic_cdk::update]
fn borrow_twice() {
    NOTES.with(|notes| {
        let _held = notes.borrow();
        notes.borrow_mut().clear();
    })
}

#[ic_cdk::pre_upgrade]
fn save() {
    ic_cdk::storage::stable_save((all(),)).expect("the notes were saved");
}

#[ic_cdk::post_upgrade]
fn restore() {
    let (saved,): (Vec<Note>,) = ic_cdk::storage::stable_restore().expect("the notes are there");
    NOTES.with(|notes| *notes.borrow_mut() = saved);
}

ic_cdk::export_candid!();
