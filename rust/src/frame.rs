// SPDX-License-Identifier: Apache-2.0
// What a post-processor puts around one text, learnt once at load by showing it a text of one marked token. Every
// processor of the crate (BERT, RoBERTa, ByteLevel, template, sequences of them) treats all tokens of a text alike, so
// framing ids by hand gives the same ids and type ids, and truncation is a cut of the text's slice.

use tokenizers::{Encoding, PostProcessor, PostProcessorWrapper, Token};

use crate::failure::Failure;

/// No tokenizer with int32 ids has this id.
const MARK: u32 = u32::MAX;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    pub ids: Vec<u32>,
    pub type_ids: Vec<u32>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub before: Side,
    pub after: Side,
    pub text_type_id: u32,
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
        let side = |ids: &[u32], type_ids: &[u32]| Side { ids: ids.to_vec(), type_ids: type_ids.to_vec() };
        Ok(Frame {
            before: side(&ids[..at], &type_ids[..at]),
            after: side(&ids[at + 1..], &type_ids[at + 1..]),
            text_type_id: type_ids[at],
        })
    }

    pub fn special_tokens(&self) -> usize {
        self.before.ids.len() + self.after.ids.len()
    }

    /// Ids that are added to a text.
    pub fn special_ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.before.ids.iter().chain(&self.after.ids).copied()
    }
}
