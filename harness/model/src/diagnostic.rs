//! One error with file, line, caret and cure.

use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::script::Span;
use crate::script::lex::Mistake;

/// A mistake in a case's source file.
#[derive(Debug, Clone, thiserror::Error, Diagnostic)]
#[error("{message}")]
#[diagnostic()]
pub struct SourceError {
    message: String,
    #[help]
    help: String,
    #[source_code]
    source_code: NamedSource<String>,
    #[label("here")]
    span: SourceSpan,
    line: usize,
}

impl SourceError {
    /// A mistake at a place in a file.
    pub fn new(file: &str, text: &str, mistake: Mistake) -> SourceError {
        let Mistake { span: Span { start, len }, message, help } = mistake;
        let start = start.min(text.len());
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        let source_code = NamedSource::new(file, text.to_owned());
        SourceError { message, help, source_code, span: (start, len.min(text.len() - start)).into(), line }
    }

    /// File and line, for tools that want one line: `suites/a.script:3`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.source_code.name(), self.line)
    }

    /// What to do about it.
    pub fn cure(&self) -> &str {
        &self.help
    }
}
