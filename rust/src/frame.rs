// SPDX-License-Identifier: Apache-2.0
// What a post-processor puts around one text, learnt once at load by showing it a text of one marked token. Every
// processor of the crate (BERT, RoBERTa, ByteLevel, template, sequences of them) treats all tokens of a text alike, so
// framing ids by hand gives the same ids and type ids, and truncation is a cut of the text's slice.

use std::iter::repeat_n;
use std::ops::Range;

use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, Token};

use crate::failure::Failure;

/// No tokenizer with int32 ids has this id.
const MARK: u32 = u32::MAX;

/// Tokens on one side of the text; the two vectors are equally long.
#[derive(Default)]
struct Side {
    ids: Vec<i32>,
    type_ids: Vec<i32>,
}

#[derive(Default)]
pub struct Frame {
    before: Side,
    after: Side,
    text_type_id: i32,
}

impl Frame {
    /// Without a processor nothing is added and type ids are 0.
    pub fn learn(processor: Option<&PostProcessorWrapper>, add_special_tokens: bool) -> Result<Frame, Failure> {
        let Some(processor) = processor else {
            return Ok(Frame::default());
        };
        let text = Encoding::from_tokens(vec![Token::new(MARK, "x".into(), (0, 1))], 0);
        let framed = processor
            .process(text, None, add_special_tokens)
            .map_err(|error| Failure::invalid_argument(format!("post_processor fails on a single text: {error}")))?;

        let (ids, type_ids) = (framed.get_ids(), framed.get_type_ids());
        let mut marks = ids.iter().enumerate().filter(|(_, id)| **id == MARK).map(|(at, _)| at);
        let (Some(at), None) = (marks.next(), marks.next()) else {
            return Err(Failure::unsupported(
                "post_processor does not use the text of a single input exactly once ($A in its \"single\" template)",
            ));
        };
        let side = |range: Range<usize>| -> Result<Side, Failure> {
            Ok(Side {
                ids: ids[range.clone()].iter().copied().map(narrow).collect::<Result<_, _>>()?,
                type_ids: type_ids[range].iter().copied().map(narrow).collect::<Result<_, _>>()?,
            })
        };
        Ok(Frame { before: side(0..at)?, after: side(at + 1..ids.len())?, text_type_id: narrow(type_ids[at])? })
    }

    /// Tokens that are added to a text.
    pub fn special_tokens(&self) -> usize {
        self.before.ids.len() + self.after.ids.len()
    }

    pub fn around_ids(&self, text: impl ExactSizeIterator<Item = i32>) -> Vec<i32> {
        concat(&self.before.ids, text, &self.after.ids)
    }

    /// For a text of `tokens` tokens.
    pub fn around_type_ids(&self, tokens: usize) -> Vec<i32> {
        concat(&self.before.type_ids, repeat_n(self.text_type_id, tokens), &self.after.type_ids)
    }

    pub fn largest_special_id(&self) -> Option<i32> {
        self.before.ids.iter().chain(&self.after.ids).copied().max()
    }
}

fn narrow(id: u32) -> Result<i32, Failure> {
    i32::try_from(id).map_err(|_| {
        Failure::invalid_argument(format!("post_processor adds id {id}; ids and type ids end at {}", i32::MAX))
    })
}

fn concat(before: &[i32], text: impl ExactSizeIterator<Item = i32>, after: &[i32]) -> Vec<i32> {
    let mut all = Vec::with_capacity(before.len() + text.len() + after.len());
    all.extend_from_slice(before);
    all.extend(text);
    all.extend_from_slice(after);
    all
}
