//! Tokens to a syntax tree.

use touchstone_spec::Function;

use super::lex::{Mistake, Token, tokens};
use super::params::{self, Kind};
use super::{
    Arg, Args, Buffer, BufferInit, Call, ClockArgs, Expr, Int, Literal, Name, Pattern, Rest, Script, Span, Statement, Subscription,
    SubscriptionKind,
};
use crate::bounds;

/// Reads a script. Names are not resolved yet: [`super::check`] does that.
pub fn parse(text: &str) -> Result<Script, Mistake> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let mut statements = Vec::new();
    while parser.at < parser.tokens.len() {
        if parser.accept_newline() {
            continue;
        }
        statements.push(parser.statement()?);
        if !parser.accept_newline() {
            return Err(parser.unexpected("the end of the line", "one statement stands on one line"));
        }
    }
    Ok(Script { statements })
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::Newline, |(token, _)| token)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(Span::default(), |(_, span)| *span)
    }

    /// The span of the token that was taken last.
    fn last_span(&self) -> Span {
        self.tokens[self.at - 1].1
    }

    fn accept_newline(&mut self) -> bool {
        let found = *self.peek() == Token::Newline && self.at < self.tokens.len();
        self.at += usize::from(found);
        found
    }

    fn accept(&mut self, punct: &'static str) -> bool {
        let found = *self.peek() == Token::Punct(punct);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, punct: &'static str, help: &str) -> Result<(), Mistake> {
        if self.accept(punct) { Ok(()) } else { Err(self.unexpected(&format!("`{punct}`"), help)) }
    }

    fn unexpected(&self, wanted: &str, help: &str) -> Mistake {
        let found = match self.peek() {
            Token::Name(name) => format!("`{name}`"),
            Token::Int { value, .. } => format!("`{value}`"),
            Token::Bytes(_) => "a string".to_owned(),
            Token::Punct(punct) => format!("`{punct}`"),
            Token::Comment(_) => "a comment".to_owned(),
            Token::Newline => "the end of the line".to_owned(),
        };
        Mistake::new(self.span(), format!("expected {wanted}, found {found}"), help)
    }

    fn name(&mut self, help: &str) -> Result<Name, Mistake> {
        let Token::Name(text) = self.peek().clone() else {
            return Err(self.unexpected("a name", help));
        };
        let span = self.span();
        self.at += 1;
        Ok(Name { text, span })
    }

    /// Reads `open item, item, … close`; a comma may stand before the close.
    fn list<T>(&mut self, close: &'static str, mut item: impl FnMut(&mut Parser) -> Result<T, Mistake>) -> Result<Vec<T>, Mistake> {
        let mut items = Vec::new();
        while !self.accept(close) {
            items.push(item(self)?);
            if !self.accept(",") && *self.peek() != Token::Punct(close) {
                return Err(self.unexpected(&format!("`,` or `{close}`"), "items are separated by commas"));
            }
        }
        Ok(items)
    }

    fn statement(&mut self) -> Result<Statement, Mistake> {
        if let Token::Comment(text) = self.peek().clone() {
            self.at += 1;
            return Ok(Statement::Comment(text));
        }
        let help = "a line is a comment (`# …`), a buffer (`buffer data = 16`) or a call (`f = path_open(…) = ok`)";
        let name = self.name(help)?;
        if name.text == "buffer" && matches!(self.peek(), Token::Name(_)) {
            return self.buffer().map(Statement::Buffer);
        }
        if self.accept("=") {
            let start = name.span;
            let function = self.name(help)?;
            return self.call(Some(name), function, start).map(Statement::Call);
        }
        let start = name.span;
        self.call(None, name, start).map(Statement::Call)
    }

    fn buffer(&mut self) -> Result<Buffer, Mistake> {
        let help = "write `buffer data = 16`, `buffer data = \"bytes\"` or `buffer data = u32(other, 16)`";
        let name = self.name(help)?;
        self.expect("=", help)?;
        let init = match self.peek() {
            Token::Int { .. } => BufferInit::Zero(self.int()?),
            Token::Bytes(_) => BufferInit::Bytes(self.literal()?),
            Token::Name(word) if word == "u32" => {
                self.at += 1;
                self.expect("(", help)?;
                BufferInit::Words(self.list(")", Parser::expr)?)
            }
            Token::Name(_) | Token::Punct(_) | Token::Comment(_) | Token::Newline => {
                return Err(self.unexpected("what the buffer holds", help));
            }
        };
        Ok(Buffer { name, init })
    }

    fn call(&mut self, bind: Option<Name>, first: Name, start: Span) -> Result<Call, Mistake> {
        let raw = first.text == "raw" && matches!(self.peek(), Token::Name(_));
        let function_name = if raw { self.name("write the function after `raw`")? } else { first };
        let function = Function::from_name(&function_name.text).ok_or_else(|| unknown_function(&function_name))?;
        self.expect("(", &format!("a call is written `{}`", params::signature(function)))?;
        let args = if raw { self.raw_args(function)? } else { self.typed_args(function)? };
        let span = start.to(self.last_span());
        let expect = if self.accept("=") { self.patterns()? } else { Vec::new() };
        Ok(Call { bind, function, args, expect, span })
    }

    fn raw_args(&mut self, function: Function) -> Result<Args, Mistake> {
        let start = self.span();
        let args = self.list(")", Parser::expr)?;
        let wanted = function.core_params().len();
        if args.len() != wanted {
            let help = format!("`raw {}` takes the {wanted} parameters of the wasm function, pointers included", function.name());
            return Err(Mistake::new(start.to(self.last_span()), format!("{} arguments, but {wanted} are needed", args.len()), help));
        }
        Ok(Args::Raw(args))
    }

    fn typed_args(&mut self, function: Function) -> Result<Args, Mistake> {
        let kinds: Vec<Kind> = params::written(function).map(|param| param.kind).collect();
        let start = self.span();
        let mut args = Vec::new();
        let mut count = 0;
        let items = self.list(")", |parser| {
            let kind = kinds.get(count).copied();
            count += 1;
            match kind {
                Some(kind) => parser.arg(kind).map(Some),
                None => {
                    Err(Mistake::new(parser.span(), "an argument too many", format!("it is written `{}`", params::signature(function))))
                }
            }
        })?;
        args.extend(items.into_iter().flatten());
        if args.len() != kinds.len() {
            let message = format!("{} arguments, but {} are needed", args.len(), kinds.len());
            return Err(Mistake::new(start.to(self.last_span()), message, format!("it is written `{}`", params::signature(function))));
        }
        Ok(Args::Typed(args))
    }

    fn arg(&mut self, kind: Kind) -> Result<Arg, Mistake> {
        let start = self.span();
        match kind {
            Kind::Scalar(_) | Kind::Buffer => self.expr().map(Arg::Expr),
            Kind::Text => self.literal().map(Arg::Literal),
            Kind::Gather if self.accept("[") => Ok(Arg::Literals(self.list("]", Parser::literal)?, start.to(self.last_span()))),
            Kind::Gather => self.literal().map(Arg::Literal),
            Kind::Scatter if self.accept("[") => Ok(Arg::List(self.list("]", Parser::expr)?, start.to(self.last_span()))),
            Kind::Scatter => self.expr().map(Arg::Expr),
            Kind::Subscriptions => {
                self.expect("[", "write the subscriptions as a list: `[clock(monotonic, 1000, 0, 0), fd_read(stdin) @ 7]`")?;
                Ok(Arg::Subscriptions(self.list("]", Parser::subscription)?, start.to(self.last_span())))
            }
            Kind::Strings => Err(self.unexpected("no argument", "the compiler makes these buffers")),
        }
    }

    fn subscription(&mut self) -> Result<Subscription, Mistake> {
        let help = "a subscription is `clock(id, timeout, precision, flags)`, `fd_read(fd)` or `fd_write(fd)`, with `@ userdata` behind it where wanted";
        let name = self.name(help)?;
        self.expect("(", help)?;
        let args = self.list(")", Parser::expr)?;
        let span = name.span.to(self.last_span());
        let kind = match (name.text.as_str(), <[Expr; 4]>::try_from(args.clone()), <[Expr; 1]>::try_from(args)) {
            ("clock", Ok([id, timeout, precision, flags]), _) => {
                SubscriptionKind::Clock(Box::new(ClockArgs { id, timeout, precision, flags }))
            }
            ("fd_read", _, Ok([fd])) => SubscriptionKind::FdRead(fd),
            ("fd_write", _, Ok([fd])) => SubscriptionKind::FdWrite(fd),
            (_, _, _) => return Err(Mistake::new(span, "this is no subscription", help)),
        };
        let userdata = if self.accept("@") { Some(self.expr()?) } else { None };
        Ok(Subscription { kind, userdata, span })
    }

    fn int(&mut self) -> Result<Int, Mistake> {
        let start = self.span();
        let negative = self.accept("-");
        let Token::Int { value, hex } = *self.peek() else {
            return Err(self.unexpected("a number", "write decimal or 0x digits"));
        };
        self.at += 1;
        let value = if negative { -value } else { value };
        if value < i128::from(i64::MIN) {
            return Err(Mistake::new(
                start,
                "the number does not fit 64 bits",
                "the smallest value of any WASI type is -0x8000_0000_0000_0000",
            ));
        }
        Ok(Int { value, hex, span: start.to(self.last_span()) })
    }

    fn expr(&mut self) -> Result<Expr, Mistake> {
        let base = match self.peek() {
            Token::Punct("[") => self.flags()?,
            Token::Name(_) => self.reference()?,
            Token::Int { .. } | Token::Bytes(_) | Token::Punct(_) | Token::Comment(_) | Token::Newline => Expr::Int(self.int()?),
        };
        self.offset(base)
    }

    fn flags(&mut self) -> Result<Expr, Mistake> {
        let start = self.span();
        self.expect("[", "flags stand in brackets")?;
        let names = self.list("]", |parser| parser.name("flags are names: `[fd_read, fd_seek]`; a raw value is a number"))?;
        Ok(Expr::Flags(names, start.to(self.last_span())))
    }

    fn reference(&mut self) -> Result<Expr, Mistake> {
        let name = self.name("")?;
        if !self.accept(".") {
            return Ok(Expr::Name(name));
        }
        let field = self.name("write a field of what the call returned: `st.size`, or `entries.next[0]`")?;
        if field.text != "next" || !self.accept("[") {
            return Ok(Expr::Field(name, field));
        }
        let index = self.int()?;
        self.expect("]", "write `entries.next[0]`")?;
        let span = name.span.to(self.last_span());
        let index = u32::try_from(index.value).ok().filter(|index| *index < bounds::CAPTURE_ELEMENTS);
        let index =
            index.ok_or_else(|| Mistake::new(span, "this index is out of range", format!("use 0 to {}", bounds::CAPTURE_ELEMENTS - 1)))?;
        Ok(Expr::Next(name, index, span))
    }

    fn offset(&mut self, base: Expr) -> Result<Expr, Mistake> {
        let sign = match self.peek() {
            Token::Punct("+") => 1,
            Token::Punct("-") => -1,
            Token::Name(_) | Token::Int { .. } | Token::Bytes(_) | Token::Punct(_) | Token::Comment(_) | Token::Newline => return Ok(base),
        };
        self.at += 1;
        let int = self.int()?;
        let by = i64::try_from(int.value * sign)
            .map_err(|_| Mistake::new(int.span, "this offset is too large", "offsets are within 64 bits, signed"))?;
        Ok(Expr::Offset(Box::new(base), by))
    }

    fn literal(&mut self) -> Result<Literal, Mistake> {
        let start = self.span();
        let mut pieces = vec![self.piece()?];
        while self.accept("+") {
            pieces.push(self.piece()?);
        }
        let span = start.to(self.last_span());
        let total: usize = pieces.iter().map(|(bytes, times)| bytes.len().saturating_mul(*times as usize)).sum();
        if total > bounds::LITERAL_BYTES {
            return Err(Mistake::new(
                span,
                format!("the literal has {total} bytes"),
                format!("at most {} are allowed", bounds::LITERAL_BYTES),
            ));
        }
        Ok(Literal { pieces, span })
    }

    fn piece(&mut self) -> Result<(Vec<u8>, u32), Mistake> {
        let Token::Bytes(bytes) = self.peek().clone() else {
            return Err(self.unexpected("a string", "write bytes in double quotes; repeat them with `* N`, join them with `+`"));
        };
        self.at += 1;
        if !self.accept("*") {
            return Ok((bytes, 1));
        }
        let times = self.int()?;
        let count =
            u32::try_from(times.value).map_err(|_| Mistake::new(times.span, "this is no count", "repeat a string 0 or more times"))?;
        Ok((bytes, count))
    }

    fn patterns(&mut self) -> Result<Vec<Pattern>, Mistake> {
        let mut patterns = vec![self.pattern()?];
        while self.accept("|") {
            patterns.push(self.pattern()?);
        }
        Ok(patterns)
    }

    fn pattern(&mut self) -> Result<Pattern, Mistake> {
        let start = self.span();
        match self.peek().clone() {
            Token::Name(name) => {
                self.at += 1;
                Ok(match name.as_str() {
                    "ok" => Pattern::Ok,
                    "_" => Pattern::Any,
                    "trap" => Pattern::Trap(start),
                    _ => Pattern::Name(Name { text: name, span: start }),
                })
            }
            Token::Bytes(_) => self.literal().map(Pattern::Literal),
            Token::Punct("[") => {
                self.at += 1;
                Ok(Pattern::List(self.list("]", Parser::pattern)?, start.to(self.last_span())))
            }
            Token::Punct("{") => {
                self.at += 1;
                let fields = self.list("}", Parser::field)?;
                self.record(fields, start.to(self.last_span()))
            }
            Token::Int { .. } | Token::Punct("-") => self.number_pattern(),
            Token::Punct(_) | Token::Comment(_) | Token::Newline => Err(self.unexpected(
                "what the call should give",
                "write `ok`, an errno (`inval | badf`), `trap`, a number, a string, `[…]` or `{ field: … }`",
            )),
        }
    }

    fn number_pattern(&mut self) -> Result<Pattern, Mistake> {
        let low = self.int()?;
        if self.accept("..=") {
            return Ok(Pattern::Range(low, Some(self.int()?)));
        }
        Ok(if self.accept("..") { Pattern::Range(low, None) } else { Pattern::Int(low) })
    }

    /// A record from its fields, of which `..` may be the last.
    fn record(&self, fields: Vec<Option<(Name, Pattern)>>, span: Span) -> Result<Pattern, Mistake> {
        let rest = if fields.last().is_some_and(Option::is_none) { Rest::Free } else { Rest::Compared };
        let count = fields.len();
        let named: Vec<(Name, Pattern)> = fields.into_iter().flatten().collect();
        if count - named.len() > usize::from(rest == Rest::Free) {
            return Err(Mistake::new(span, "`..` stands before the end of the record", "write it once, last: `{ size: 5, .. }`"));
        }
        Ok(Pattern::Record(named, rest, span))
    }

    /// `name: pattern`, or `None` for `..`.
    fn field(&mut self) -> Result<Option<(Name, Pattern)>, Mistake> {
        let help = "write `{ field: value, … }`, with `..` at the end where other fields may have any value";
        if self.accept("..") {
            return Ok(None);
        }
        let name = match self.peek() {
            Token::Punct("}") => return Err(self.unexpected("a field", help)),
            Token::Name(_) | Token::Int { .. } | Token::Bytes(_) | Token::Punct(_) | Token::Comment(_) | Token::Newline => {
                self.name(help)?
            }
        };
        self.expect(":", help)?;
        let mut pattern = self.pattern()?;
        // `{ error: inval | badf }` is not offered: alternatives belong to the whole call, where each names its outcome.
        if let Pattern::Name(name) = &mut pattern
            && *self.peek() == Token::Punct("|")
        {
            return Err(Mistake::new(name.span, "alternatives do not stand inside a record", "write the whole record twice: `{…} | {…}`"));
        }
        Ok(Some((name, pattern)))
    }
}

fn unknown_function(name: &Name) -> Mistake {
    let names = Function::ALL.iter().map(|function| function.name());
    let help = match super::check::closest(&name.text, names) {
        Some(close) => format!("did you mean `{close}`?"),
        None => "the 46 functions of wasi_snapshot_preview1 are listed in harness/spec/witx".to_owned(),
    };
    Mistake::new(name.span, format!("there is no function `{}`", name.text), help)
}
