// SPDX-License-Identifier: Apache-2.0
// What can go wrong, as a code and a sentence, and the guard that turns a panic of the tokenizers crate into one.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// The numbers of NesoTokenizersErrorCode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    InvalidArgument = 1,
    Unsupported = 2,
    Internal = 3,
}

/// The message when a regular expression of the tokenizer gives up.
pub const TOO_MUCH_BACKTRACKING: &str =
    "a regular expression of the tokenizer backtracks too much on this text; shorten the text";

#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub message: String,
}

impl Failure {
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Failure { code: Code::InvalidArgument, message: message.into() }
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Failure { code: Code::Unsupported, message: message.into() }
    }
}

thread_local! {
    static PANIC_LOCATION: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `body`; a panic in it becomes a Failure and prints nothing. Sound for bodies that only read shared state or that
/// drop what they were building, which is all this crate does.
pub fn guard<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| set_hook(Box::new(remember_location)));
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| Err(from_panic(payload.as_ref())))
}

fn remember_location(info: &PanicHookInfo) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    PANIC_LOCATION.with_borrow_mut(|kept| *kept = location);
}

fn from_panic(payload: &(dyn Any + Send)) -> Failure {
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    // The onig crate reports Oniguruma's backtracking limits by a panic: the expression and the text are at fault.
    if text.starts_with("Onig: ") && text.contains("retry-limit") {
        return Failure::invalid_argument(TOO_MUCH_BACKTRACKING);
    }
    let location = PANIC_LOCATION.with_borrow(String::clone);
    Failure { code: Code::Internal, message: format!("the tokenizers crate panicked at {location}: {text}") }
}
