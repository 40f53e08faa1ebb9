// SPDX-License-Identifier: Apache-2.0
// One tokenizer.json, loaded and checked, and the encoding of one text. Deterministic: what a file saves for other uses
// (truncation, padding, BPE dropout) is dropped at load.

use std::collections::{HashMap, HashSet};
use std::str;

use serde::de::IgnoredAny;
use tokenizers::{DecoderWrapper, Model, ModelWrapper, PostProcessorWrapper};

use crate::bert_ascii::BertAscii;
use crate::charsmap;
use crate::failure::{guard, Code, Failure, TOO_MUCH_BACKTRACKING};
use crate::frame::Frame;

/// Backtracking steps that one search of Oniguruma may take. Its own default bounds a single match attempt only, so an
/// attempt at every position of a long text could take quadratic time. Real expressions need about one step per byte.
const MAX_BACKTRACKS_PER_SEARCH: std::ffi::c_ulong = 50_000_000;

pub struct Request<'a> {
    pub text: &'a [u8],
    pub max_tokens: usize, // 0: no limit
    pub add_special_tokens: bool,
    pub truncate_left: bool,
}

pub struct Encoded {
    pub ids: Vec<i32>,
    pub type_ids: Vec<i32>,
    pub original_tokens: usize,
}

pub struct Tokenizer {
    inner: tokenizers::Tokenizer, // without its post-processor: the frames take its place
    bert_ascii: Option<BertAscii>,
    with_specials: Frame,
    without_specials: Frame,
    vocabulary_size: usize,
}

impl Tokenizer {
    pub fn from_json(json: &[u8]) -> Result<Self, Failure> {
        // Global of the C library, and the same value every time.
        unsafe { onig_sys::onig_set_retry_limit_in_search(MAX_BACKTRACKS_PER_SEARCH) };
        tokenizers::utils::parallelism::set_parallelism(false);

        let mut inner = parse(json)?;
        let processor = inner.get_post_processor();
        let with_specials = Frame::learn(processor, true)?;
        let without_specials = Frame::learn(processor, false)?;
        let vocabulary_size = checked_vocabulary_size(&inner, &with_specials)?;

        strip_other_uses(&mut inner)?;
        let bert_ascii = BertAscii::of(&inner);
        let tokenizer = Tokenizer { inner, bert_ascii, with_specials, without_specials, vocabulary_size };
        tokenizer.refuse_unbounded_expressions()?;
        Ok(tokenizer)
    }

    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
    }

    pub fn special_tokens(&self) -> usize {
        self.with_specials.special_tokens()
    }

    pub fn encode(&self, request: &Request) -> Result<Encoded, Failure> {
        let frame = if request.add_special_tokens { &self.with_specials } else { &self.without_specials };
        let limit = if request.max_tokens == 0 { usize::MAX } else { request.max_tokens };
        let Some(text_limit) = limit.checked_sub(frame.special_tokens()) else {
            return Err(Failure::invalid_argument(format!(
                "max_tokens is {limit}, but this tokenizer adds {} special tokens to every text; allow at least that many",
                frame.special_tokens()
            )));
        };
        let all = self.all_ids(request.text)?;
        let kept = all.len().min(text_limit);
        let cut = if request.truncate_left { &all[all.len() - kept..] } else { &all[..kept] };
        Ok(Encoded {
            ids: frame.around_ids(cut.iter().copied()),
            type_ids: frame.around_type_ids(kept),
            original_tokens: all.len() + frame.special_tokens(),
        })
    }

    /// Of a text without special tokens, however long it is.
    fn all_ids(&self, text: &[u8]) -> Result<Vec<i32>, Failure> {
        if let Some(ids) = self.bert_ascii.as_ref().and_then(|fast| fast.encode(text)) {
            return Ok(ids);
        }
        let text = str::from_utf8(text).map_err(|error| {
            Failure::invalid_argument(format!("the text is not valid UTF-8 at byte {}", error.valid_up_to()))
        })?;
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| Failure::invalid_argument(format!("the text cannot be tokenized: {error}")))?;
        // They fit: checked_vocabulary_size.
        Ok(encoding.get_ids().iter().map(|id| *id as i32).collect())
    }

    /// Nested quantifiers such as (a+)+b show on short runs already; better here than in a request.
    fn refuse_unbounded_expressions(&self) -> Result<(), Failure> {
        for run in ["a", "A", "0", " ", ".", "\n"] {
            let text = run.repeat(64) + "\u{1}";
            let request =
                Request { text: text.as_bytes(), max_tokens: 0, add_special_tokens: false, truncate_left: false };
            // Other failures are the probe's own (a word outside a tiny vocabulary), not the tokenizer's.
            let probed = guard(|| self.encode(&request));
            if probed.is_err_and(|failure| failure.message == TOO_MUCH_BACKTRACKING) {
                return Err(Failure::invalid_argument(
                    "a regular expression in it backtracks without bound; rewrite it without nested quantifiers",
                ));
            }
        }
        Ok(())
    }
}

fn parse(json: &[u8]) -> Result<tokenizers::Tokenizer, Failure> {
    charsmap::check(json)?;
    let parsed = guard(|| serde_json::from_slice(json).map_err(|error| explain(json, &error)));
    parsed.map_err(|failure| match failure.code {
        // A file whose parts contradict each other can make the crate panic, e.g. by a merge into no token.
        Code::Internal => Failure::invalid_argument(format!("its parts do not fit together ({})", failure.message)),
        _ => failure,
    })
}

/// Why `json` is no tokenizer. The crate's own error takes an unknown member for a syntax error.
fn explain(json: &[u8], error: &serde_json::Error) -> Failure {
    let reason = if let Err(syntax) = serde_json::from_slice::<IgnoredAny>(json) {
        format!("it is not JSON: {syntax}")
    } else if serde_json::from_slice(json).is_ok_and(|members: Members| !members.contains_key("model")) {
        "it is JSON, but has no \"model\"".to_string()
    } else {
        format!("it is JSON, but no tokenizer: {error}")
    };
    Failure::invalid_argument(format!(
        "{reason}. Expected a Hugging Face tokenizer.json, an object whose \"model\" is of type BPE, Unigram, WordPiece \
         or WordLevel, as save_pretrained() of a fast tokenizer writes it"
    ))
}

type Members = HashMap<String, IgnoredAny>;

/// One more than the largest id. Refuses a vocabulary that names two tokens by one id, or with ids that are no int32.
fn checked_vocabulary_size(tokenizer: &tokenizers::Tokenizer, frame: &Frame) -> Result<usize, Failure> {
    let mut seen = HashSet::new();
    for (token, id) in tokenizer.get_model().get_vocab() {
        if !seen.insert(id) {
            return Err(Failure::invalid_argument(format!("two tokens have id {id}; one of them is {token:?}")));
        }
    }
    let added = tokenizer.get_added_vocabulary().get_vocab().values().copied();
    let largest = seen.into_iter().chain(added).max();
    if let Some(id) = largest.filter(|id| *id >= i32::MAX as u32) {
        return Err(Failure::invalid_argument(format!("a token has id {id}; ids are below {}", i32::MAX)));
    }
    let size = |id: Option<usize>| id.map_or(0, |id| id + 1);
    Ok(size(largest.map(|id| id as usize)).max(size(frame.largest_special_id().map(|id| id as usize))))
}

/// Drops what would change ids (truncation, padding, random merges) or is not used (decoder, word cache).
fn strip_other_uses(tokenizer: &mut tokenizers::Tokenizer) -> Result<(), Failure> {
    tokenizer
        .with_truncation(None)
        .map_err(|error| Failure::invalid_argument(format!("truncation cannot be removed: {error}")))?
        .with_padding(None)
        .with_post_processor(None::<PostProcessorWrapper>)
        .with_decoder(None::<DecoderWrapper>);
    if let ModelWrapper::BPE(bpe) = tokenizer.get_model() {
        let mut bpe = bpe.clone();
        bpe.dropout = None;
        // The word cache, which saves a fifth of the time, lives in each thread and is never freed: every reload of a
        // model would leave up to 10,000 words per thread behind.
        bpe.resize_cache(0);
        tokenizer.with_model(bpe);
    }
    Ok(())
}
