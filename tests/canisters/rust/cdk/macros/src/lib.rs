//! The macros of the `ic-cdk` and the `candid` beside this crate, which say what they are for.
//!
//! `syn` is on crates.io, so functions and structs are read token by token, as far as test
//! canisters need it, and code is written as text. What cannot be read makes the macro panic,
//! which the compiler reports where it stands.

use proc_macro::{Delimiter, TokenStream, TokenTree};
use std::sync::Mutex;

/// For `export_candid!`: Rust expressions for each method so far, and for the arguments of `init`.
/// The macros of a crate run in the order of its source, so that it must stand last, as the real
/// one must.
static METHODS: Mutex<String> = Mutex::new(String::new());
static INIT: Mutex<Option<String>> = Mutex::new(None);

#[proc_macro_attribute]
pub fn query(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match attribute.to_string().contains("composite = true") {
        true => method("composite_query", attribute, item),
        false => method("query", attribute, item),
    }
}

#[proc_macro_attribute]
pub fn update(attribute: TokenStream, item: TokenStream) -> TokenStream {
    method("update", attribute, item)
}

#[proc_macro_attribute]
pub fn init(_attribute: TokenStream, item: TokenStream) -> TokenStream {
    let function = Function::read(&item);
    *INIT.lock().unwrap() = Some(candid_text(&function.arguments));
    exported("canister_init", &function, item)
}

macro_rules! hooks {
    ($($hook:ident)*) => {
        $(#[proc_macro_attribute]
        pub fn $hook(_attribute: TokenStream, item: TokenStream) -> TokenStream {
            exported(concat!("canister_", stringify!($hook)), &Function::read(&item), item)
        })*
    };
}

hooks!(pre_upgrade post_upgrade heartbeat inspect_message);

#[proc_macro]
pub fn export_candid(_input: TokenStream) -> TokenStream {
    code(format!(
        "#[no_mangle]
        pub extern \"C\" fn get_candid_pointer() -> *mut ::std::os::raw::c_char {{
            let text = ::ic_cdk::glue::service({}, vec![{}]);
            ::std::ffi::CString::new(text).unwrap().into_raw()
        }}",
        INIT.lock().unwrap().as_ref().map_or("None".into(), |it| format!("Some({})", it)),
        METHODS.lock().unwrap(),
    ))
}

fn method(kind: &str, attribute: TokenStream, item: TokenStream) -> TokenStream {
    let function = Function::read(&item);
    let name = custom_name(attribute).unwrap_or_else(|| function.name.clone());
    let mode = if kind == "update" { String::new() } else { format!(" {}", kind) };
    let (arguments, results) = (candid_text(&function.arguments), candid_text(&function.results));
    *METHODS.lock().unwrap() += &format!("({:?}, {}, {}, {:?}),", name, arguments, results, mode);
    exported(&format!("canister_{} {}", kind, name), &function, item)
}

/// The `x` of `#[update(name = "x")]`.
fn custom_name(attribute: TokenStream) -> Option<String> {
    let tokens: Vec<_> = attribute.into_iter().map(|token| token.to_string()).collect();
    let place = tokens.iter().position(|token| token == "name")?;
    Some(tokens[place + 2].trim_matches('"').into())
}

/// An expression for the Candid text of a tuple's types.
fn candid_text(tuple: &str) -> String {
    format!("::ic_cdk::glue::types::<{}>()", tuple)
}

/// The item as it was, and beside it what the system calls.
fn exported(export: &str, function: &Function, item: TokenStream) -> TokenStream {
    let given: String = (0..function.count).map(|place| format!("arguments.{},", place)).collect();
    let result = if function.results_in_one { "(result,)" } else { "result" };
    let reply = format!("::ic_cdk::glue::reply::<{}>({});", function.results, result);
    let entry = code(format!(
        "#[export_name = {export:?}]
        extern \"C\" fn __canister_method_{name}() {{
            ::ic_cdk::glue::setup();
            let arguments: {arguments} = ::ic_cdk::glue::arguments();
            let result = {name}({given});
            {reply}
        }}",
        export = export,
        name = function.name,
        arguments = function.arguments,
        given = given,
        reply = if export.contains(' ') { &reply } else { "" },
    ));
    item.into_iter().chain(entry).collect()
}

/// A function: its name, how many parameters it has, and types as tuples.
struct Function {
    name: String,
    count: usize,
    arguments: String,
    results: String,
    results_in_one: bool,
}

impl Function {
    fn read(item: &TokenStream) -> Function {
        let (before, name, mut rest) = after(item, "fn");
        assert!(!before.contains(&"async".into()), "{}: async is not known here", name);
        let parameters = match rest.next() {
            Some(TokenTree::Group(group)) => split(group.stream()),
            _ => panic!("{}: a function of a canister has no generic parameters", name),
        };
        let types: String = parameters.iter().map(|it| declared(it).1 + ",").collect();
        let result: TokenStream =
            rest.take_while(|token| !is_group(token, Delimiter::Brace)).skip(2).collect();
        let tuple = result.clone().into_iter().all(|it| is_group(&it, Delimiter::Parenthesis));
        let results = match (result.is_empty(), tuple) {
            (true, _) => "()".into(),
            (_, true) => result.to_string(),
            _ => format!("({},)", result),
        };
        let count = parameters.len();
        Function { name, count, arguments: format!("({})", types), results, results_in_one: !tuple }
    }
}

#[proc_macro_derive(CandidType)]
pub fn derive_candid_type(item: TokenStream) -> TokenStream {
    let (name, fields) = structure(&item);
    code(format!(
        "impl ::candid::CandidType for {} {{
            fn ty() -> ::candid::Type {{ ::candid::Type::record(vec![{}]) }}
            fn write(&self, out: &mut Vec<u8>) {{ ::candid::write_record(&[{}], out) }}
        }}",
        name,
        each(&fields, |name, ty| format!("({:?}, <{} as ::candid::CandidType>::ty()),", name, ty)),
        each(&fields, |name, _| format!(
            "({0:?}, &|out| ::candid::CandidType::write(&self.{0}, out)),",
            name
        )),
    ))
}

#[proc_macro_derive(Deserialize)]
pub fn derive_deserialize(item: TokenStream) -> TokenStream {
    let (name, fields) = structure(&item);
    code(format!(
        "impl ::candid::Deserialize for {} {{
            fn read(wire: &::candid::Type, from: &mut ::candid::Reader<'_>) -> Result<Self, String> {{
                {}
                ::candid::read_record(wire, from, |hash, ty, from| {{
                    {}
                    Ok(false)
                }})?;
                Ok(Self {{ {} }})
            }}
        }}",
        name,
        each(&fields, |name, ty| format!("let mut field_{}: Option<{}> = None;", name, ty)),
        each(&fields, |name, _| format!(
            "if hash == ::candid::field_hash({0:?}) {{
                field_{0} = Some(::candid::Deserialize::read(ty, from)?);
                return Ok(true);
            }}",
            name
        )),
        each(&fields, |name, _| format!(
            "{0}: field_{0}.map_or_else(|| ::candid::Deserialize::absent({0:?}), Ok)?,",
            name
        )),
    ))
}

/// A struct's name, and name and type of each of its fields.
fn structure(item: &TokenStream) -> (String, Vec<(String, String)>) {
    let (_, name, mut rest) = after(item, "struct");
    match rest.next() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            (name, split(group.stream()).iter().map(declared).collect())
        }
        _ => panic!("{}: only structs with named fields are known here", name),
    }
}

fn each(fields: &[(String, String)], form: impl Fn(&str, &str) -> String) -> String {
    fields.iter().map(|(name, ty)| form(name, ty)).collect()
}

/// What is before a keyword, the name behind it, and the rest.
fn after(
    item: &TokenStream,
    keyword: &str,
) -> (Vec<String>, String, impl Iterator<Item = TokenTree>) {
    let mut tokens = item.clone().into_iter();
    let before =
        tokens.by_ref().map(|token| token.to_string()).take_while(|it| it != keyword).collect();
    match tokens.next() {
        Some(name) => (before, name.to_string(), tokens),
        None => panic!("this is no {}, and nothing else is known here", keyword),
    }
}

/// The parts between commas, those inside `<...>` left alone.
fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let (mut parts, mut depth) = (vec![Vec::new()], 0);
    for token in tokens {
        match token.to_string().as_str() {
            "<" => depth += 1,
            ">" => depth -= 1,
            "," if depth == 0 => {
                parts.push(Vec::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(token);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Name and type of `pub name: Type` or `mut name: Type`.
fn declared(tokens: &Vec<TokenTree>) -> (String, String) {
    let colon =
        tokens.iter().position(|token| token.to_string() == ":").expect("a name and a type");
    (
        tokens[colon - 1].to_string(),
        tokens[colon + 1..].iter().cloned().collect::<TokenStream>().to_string(),
    )
}

fn is_group(token: &TokenTree, delimiter: Delimiter) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter)
}

fn code(text: String) -> TokenStream {
    text.parse().expect("code that can be read")
}
