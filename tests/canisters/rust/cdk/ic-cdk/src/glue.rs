//! What the macros' code calls.

use std::sync::Once;

use candid::{CandidType, Deserialize, Type};

use crate::api;

static HOOK: Once = Once::new();

/// Make panics traps that say what happened and where. First thing in every message.
pub fn setup() {
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().map(|text| text.to_string());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            let place = info.location().map_or("an unknown place".into(), |it| it.to_string());
            let words = format!("Panicked at '{}', {}", text.unwrap_or_default(), place);
            api::debug_print(&words);
            api::trap(&words);
        }))
    });
}

/// The message's arguments; a method that takes none does not look.
pub fn arguments<A: CandidType + Deserialize>() -> A {
    if A::ty() == <()>::ty() {
        return candid::decode_args(b"DIDL\0\0").unwrap();
    }
    candid::decode_args(&api::msg_arg_data()).unwrap()
}

pub fn reply<R: CandidType>(results: R) {
    api::msg_reply(candid::encode_args(results).unwrap());
}

/// The types of a tuple as an interface has them.
pub fn types<T: CandidType>() -> String {
    let fields = match T::ty() {
        Type::Record(fields) => fields,
        _ => Vec::new(),
    };
    let texts: Vec<_> = fields.iter().map(|field| field.2.text()).collect();
    format!("({})", texts.join(", "))
}

/// A whole interface; of each method its name, arguments, results and mode.
pub fn service(init: Option<String>, mut methods: Vec<(&str, String, String, &str)>) -> String {
    methods.sort();
    let lines = methods.iter().map(|it| format!("  {:?} : {} -> {}{};\n", it.0, it.1, it.2, it.3));
    let init = init.map_or(String::new(), |it| format!("{} -> ", it));
    format!("service : {}{{\n{}}}", init, lines.collect::<String>())
}
