//! Tokens of a template: text, and what stands between `{{` and `}}`.

use super::TemplateError;

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    Text(String),
    /// `{{`
    Open,
    /// `}}`
    Close,
    Space,
    /// `.`
    Dot,
    /// `.Name`
    Field(String),
    /// `$` or `$name`, with the dollar sign
    Variable(String),
    /// A function or a keyword
    Word(String),
    Int(i64),
    Float(f64),
    Str(String),
    Pipe,
    OpenParen,
    CloseParen,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// Anything else that can be printed; the parser says that it is unexpected.
    Char,
    Error(TemplateError),
    Eof,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub kind: Kind,
    /// Byte offset in the template.
    pub pos: usize,
    /// As written, for error messages.
    pub text: String,
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// `template: :LINE: message`, Go's parse error.
pub fn error_at(source: &str, pos: usize, message: impl std::fmt::Display) -> TemplateError {
    let line = 1 + source[..pos.min(source.len())].matches('\n').count();
    TemplateError(format!("template: :{line}: {message}"))
}

/// All tokens; the last is `Eof`, or an `Error` for the parser to find after what comes before it.
pub fn lex(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { source, pos: 0, tokens: Vec::new() };
    if let Err(error) = lexer.run() {
        lexer.tokens.push(Token { kind: Kind::Error(error), pos: source.len(), text: String::new() });
    }
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a str,
    pos: usize,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), TemplateError> {
        let mut trim_next = false;
        loop {
            let rest = &self.source[self.pos..];
            let Some(open) = rest.find("{{") else {
                self.text(rest, trim_next, false);
                self.pos = self.source.len();
                self.push(Kind::Eof, self.pos, self.pos);
                return Ok(());
            };
            let after = &rest[open + 2..];
            let trim_before = after.strip_prefix('-').is_some_and(|r| r.starts_with(SPACE));
            self.text(&rest[..open], trim_next, trim_before);
            let start = self.pos + open;
            self.pos = start + 2;
            if trim_before {
                self.pos += 2;
            }
            let blank = if trim_before { self.source[self.pos..].trim_start_matches(SPACE) } else { "" };
            if self.source[self.pos..].starts_with("/*") || blank.starts_with("/*") {
                trim_next = self.comment()?;
                continue;
            }
            self.push(Kind::Open, start, start + 2);
            trim_next = self.action(start)?;
        }
    }

    fn push(&mut self, kind: Kind, from: usize, to: usize) {
        self.tokens.push(Token { kind, pos: from, text: self.source[from..to].to_owned() });
    }

    fn text(&mut self, text: &str, trim_left: bool, trim_right: bool) {
        let from = self.pos;
        let mut shown = text;
        if trim_left {
            shown = shown.trim_start_matches(SPACE);
        }
        if trim_right {
            shown = shown.trim_end_matches(SPACE);
        }
        if !shown.is_empty() {
            self.tokens.push(Token { kind: Kind::Text(shown.to_owned()), pos: from, text: shown.to_owned() });
        }
    }

    /// A comment fills its action alone; returns whether the text after it is trimmed.
    fn comment(&mut self) -> Result<bool, TemplateError> {
        let rest = &self.source[self.pos..];
        let Some(end) = rest.find("*/") else { return Err(self.error("unclosed comment")) };
        let after = &rest[end + 2..];
        let trimmed = after.trim_start_matches(SPACE);
        if let Some(tail) = trimmed.strip_prefix("-}}").filter(|_| trimmed.len() < after.len()) {
            self.pos = self.source.len() - tail.len();
            return Ok(true);
        }
        match after.strip_prefix("}}") {
            Some(tail) => {
                self.pos = self.source.len() - tail.len();
                Ok(false)
            }
            None => Err(self.error("comment ends before closing delimiter")),
        }
    }

    fn error(&self, message: impl std::fmt::Display) -> TemplateError {
        error_at(self.source, self.pos, message)
    }

    /// One action up to and with `}}`; returns whether the text after it is trimmed.
    fn action(&mut self, start: usize) -> Result<bool, TemplateError> {
        let mut parens = 0usize;
        loop {
            let rest = &self.source[self.pos..];
            let Some(c) = rest.chars().next() else {
                return Err(error_at(self.source, start, "unclosed action"));
            };
            let from = self.pos;
            if rest.starts_with("}}") {
                if parens > 0 {
                    return Err(self.error("unclosed left paren"));
                }
                self.pos += 2;
                self.push(Kind::Close, from, from + 2);
                return Ok(false);
            }
            let blanks = rest.len() - rest.trim_start_matches(SPACE).len();
            if blanks > 0 {
                if rest[blanks..].starts_with("-}}") {
                    if parens > 0 {
                        return Err(self.error("unclosed left paren"));
                    }
                    self.pos += blanks + 3;
                    self.push(Kind::Close, self.pos - 2, self.pos);
                    return Ok(true);
                }
                self.pos += blanks;
                self.push(Kind::Space, from, self.pos);
                continue;
            }
            match c {
                ':' if rest.starts_with(":=") => self.single(Kind::Declare, 2),
                ':' => return Err(self.error("expected :=")),
                '=' => self.single(Kind::Assign, 1),
                '|' => self.single(Kind::Pipe, 1),
                ',' => self.single(Kind::Comma, 1),
                '(' => {
                    parens += 1;
                    self.single(Kind::OpenParen, 1);
                }
                ')' => {
                    parens = parens.checked_sub(1).ok_or_else(|| self.error("unexpected right paren"))?;
                    self.single(Kind::CloseParen, 1);
                }
                '"' => self.quoted()?,
                '`' => self.raw()?,
                '\'' => self.character()?,
                '$' => {
                    let name = word(&rest[1..]);
                    self.single(Kind::Variable(format!("${name}")), 1 + name.len());
                    self.terminator()?;
                }
                '.' => {
                    let name = word(&rest[1..]);
                    if rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                        self.number()?;
                    } else if name.is_empty() {
                        self.single(Kind::Dot, 1);
                    } else {
                        self.single(Kind::Field(name.to_owned()), 1 + name.len());
                        self.terminator()?;
                    }
                }
                '0'..='9' | '+' | '-' => self.number()?,
                c if c.is_alphabetic() || c == '_' => {
                    let name = word(rest);
                    self.single(Kind::Word(name.to_owned()), name.len());
                    self.terminator()?;
                }
                '!'..='~' => self.single(Kind::Char, 1),
                c => {
                    let code = c as u32;
                    return Err(
                        self.error(format_args!("unrecognized character in action: U+{code:04X} '{c}'"))
                    );
                }
            }
        }
    }

    fn single(&mut self, kind: Kind, length: usize) {
        let from = self.pos;
        self.pos += length;
        self.push(kind, from, self.pos);
    }

    /// After a name only these may follow; `{{.Name-}}` is a mistake worth naming.
    fn terminator(&self) -> Result<(), TemplateError> {
        match self.source[self.pos..].chars().next() {
            None => Ok(()),
            Some(c) if SPACE.contains(&c) || matches!(c, '.' | ',' | '|' | ':' | ')' | '(' | '}' | '=') => {
                Ok(())
            }
            Some(c) => Err(self.error(format_args!("bad character U+{:04X} '{c}'", c as u32))),
        }
    }

    fn number(&mut self) -> Result<(), TemplateError> {
        let rest = &self.source[self.pos..];
        let extent = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '-');
        let mut end = 0;
        let mut last = ' ';
        for (at, c) in rest.char_indices() {
            let sign_inside = matches!(c, '+' | '-') && at > 0 && !matches!(last, 'e' | 'E');
            if !extent(c) || sign_inside {
                break;
            }
            end = at + c.len_utf8();
            last = c;
        }
        let text = &rest[..end];
        let kind = match (crate::cli::ui::units::go_int(text), text.replace('_', "").parse::<f64>()) {
            (Ok(int), _) => Kind::Int(int),
            (_, Ok(float)) => Kind::Float(float),
            _ => return Err(self.error(format_args!("bad number syntax: {text:?}"))),
        };
        self.single(kind, end);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), TemplateError> {
        let rest = &self.source[self.pos + 1..];
        let Some(end) = rest.find('`') else { return Err(self.error("unterminated raw quoted string")) };
        self.single(Kind::Str(rest[..end].to_owned()), end + 2);
        Ok(())
    }

    fn quoted(&mut self) -> Result<(), TemplateError> {
        let rest = &self.source[self.pos..];
        let Some(length) = closing(rest, '"') else { return Err(self.error("unterminated quoted string")) };
        let text = unquote(&rest[1..length - 1]).ok_or_else(|| self.error("invalid syntax"))?;
        self.single(Kind::Str(text), length);
        Ok(())
    }

    /// A character constant is an integer.
    fn character(&mut self) -> Result<(), TemplateError> {
        let rest = &self.source[self.pos..];
        let unterminated = "unterminated character constant";
        let Some(length) = closing(rest, '\'') else { return Err(self.error(unterminated)) };
        let text = unquote(&rest[1..length - 1]).unwrap_or_default();
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => self.single(Kind::Int(i64::from(c as u32)), length),
            _ => {
                return Err(self.error(format_args!("malformed character constant: {}", &rest[..length])));
            }
        }
        Ok(())
    }
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

/// Length of a quoted text with both quotes.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return None,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Go's escapes inside quotes.
fn unquote(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    let number = |rest: &mut std::str::Chars, digits: usize, radix: u32| {
        let text: String = rest.by_ref().take(digits).collect();
        (text.len() == digits).then(|| u32::from_str_radix(&text, radix).ok()).flatten()
    };
    while let Some(c) = rest.next() {
        let c = match c {
            '\\' => match rest.next()? {
                'a' => '\x07',
                'b' => '\x08',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\x0b',
                c @ ('\\' | '\'' | '"') => c,
                'x' => {
                    out.push(number(&mut rest, 2, 16)? as u8);
                    continue;
                }
                'u' => char::from_u32(number(&mut rest, 4, 16)?)?,
                'U' => char::from_u32(number(&mut rest, 8, 16)?)?,
                c @ '0'..='7' => {
                    let high = c.to_digit(8)? * 64;
                    out.push(u8::try_from(high + number(&mut rest, 2, 8)?).ok()?);
                    continue;
                }
                _ => return None,
            },
            c => c,
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    String::from_utf8(out).ok()
}
