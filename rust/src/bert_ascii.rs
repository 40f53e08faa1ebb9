// SPDX-License-Identifier: Apache-2.0
// The ids of ASCII texts by BERT's rules (clean, lower-case, split at spaces and punctuation, WordPiece), in one pass over
// the bytes. The crate keeps alignments, copies and hash maps of strings for them, which takes some thirty times as long;
// what these rules do to ASCII is small enough to be written down. Any other text and tokenizer is the crate's.

use aho_corasick::AhoCorasick;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::{Model, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};
use yada::builder::DoubleArrayBuilder;
use yada::DoubleArray;

type Trie = DoubleArray<Vec<u8>>;

/// The trie is built by a recursion as deep as its longest piece; files say 100.
const LONGEST_WORD: usize = 1000;

/// Immutable; shared by threads.
pub struct BertAscii {
    first_pieces: Trie, // the vocabulary's ASCII tokens
    next_pieces: Trie,  // those that continue a word, without their prefix
    unknown: i32,
    longest_word: usize, // a longer one is unknown
    lowercase: bool,
    added: AhoCorasick, // texts that stand for a token of their own
}

impl BertAscii {
    /// None unless the tokenizer's parts are those whose rules stand here.
    pub fn of(tokenizer: &tokenizers::Tokenizer) -> Option<Self> {
        let Some(NormalizerWrapper::BertNormalizer(normalizer)) = tokenizer.get_normalizer() else { return None };
        let Some(PreTokenizerWrapper::BertPreTokenizer(_)) = tokenizer.get_pre_tokenizer() else { return None };
        let ModelWrapper::WordPiece(model) = tokenizer.get_model() else { return None };
        if !normalizer.clean_text || model.max_input_chars_per_word > LONGEST_WORD {
            return None;
        }
        let mut added = Vec::new();
        for token in tokenizer.get_added_vocabulary().get_added_tokens_decoder().values() {
            // One that is looked for in the normalized text would have to be looked for there.
            if token.normalized {
                return None;
            }
            if token.content.is_ascii() && !token.content.is_empty() {
                added.push(token.content.as_str());
            }
        }
        Some(BertAscii {
            first_pieces: trie_of(model, "")?,
            next_pieces: trie_of(model, &model.continuing_subword_prefix)?,
            unknown: model.token_to_id(&model.unk_token)? as i32,
            longest_word: model.max_input_chars_per_word,
            lowercase: normalizer.lowercase,
            added: AhoCorasick::new(added).ok()?,
        })
    }

    /// None: the text is the crate's to encode.
    pub fn encode(&self, text: &[u8]) -> Option<Vec<i32>> {
        if !text.is_ascii() || self.added.is_match(text) {
            return None;
        }
        let mut ids = Vec::with_capacity(text.len() / 3 + 1);
        let mut word = Vec::with_capacity(32);
        for &byte in text {
            if is_space(byte) {
                self.end_word(&mut word, &mut ids);
            } else if byte.is_ascii_control() {
                continue; // clean_text leaves it out, and what stood around it is one word
            } else if byte.is_ascii_punctuation() {
                self.end_word(&mut word, &mut ids);
                word.push(byte);
                self.end_word(&mut word, &mut ids);
            } else {
                word.push(if self.lowercase { byte.to_ascii_lowercase() } else { byte });
            }
        }
        self.end_word(&mut word, &mut ids);
        Some(ids)
    }

    /// The longest piece that the rest of the word begins with, again and again; without one the word is unknown.
    fn end_word(&self, word: &mut Vec<u8>, ids: &mut Vec<i32>) {
        let before = ids.len();
        let mut rest: &[u8] = word;
        let mut pieces = &self.first_pieces;
        if rest.len() > self.longest_word {
            ids.push(self.unknown);
            rest = &[];
        }
        while !rest.is_empty() {
            let Some((id, length)) = pieces.common_prefix_search(rest).last() else {
                ids.truncate(before);
                ids.push(self.unknown);
                break;
            };
            ids.push(id as i32);
            rest = &rest[length..];
            pieces = &self.next_pieces;
        }
        word.clear();
    }
}

/// White space as it is after clean_text; the other two of ASCII are control characters there.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// What an ASCII word can be made of: the tokens with this prefix, without it.
fn trie_of(model: &WordPiece, prefix: &str) -> Option<Trie> {
    let vocabulary = model.get_vocab();
    let mut pieces: Vec<(&[u8], u32)> = vocabulary
        .iter()
        .filter_map(|(token, id)| token.strip_prefix(prefix).map(|piece| (piece, *id)))
        .filter(|(piece, _)| (1..=model.max_input_chars_per_word).contains(&piece.len()))
        .filter(|(piece, _)| piece.is_ascii() && !piece.contains('\0'))
        .map(|(piece, id)| (piece.as_bytes(), id))
        .collect();
    pieces.sort_unstable();
    DoubleArray::new(DoubleArrayBuilder::build(&pieces).ok()?).ok()
}
