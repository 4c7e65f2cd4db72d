//! The tree of a template.

use std::collections::BTreeMap;

use super::TemplateError;
use super::functions;
use super::lex::{Kind, Token, error_at, lex};

pub type List = Vec<Node>;

#[derive(Debug, Clone)]
pub enum Node {
    Text(String),
    Action(Pipe),
    If { pipe: Pipe, then: List, otherwise: List },
    Range { pipe: Pipe, body: List, otherwise: List },
    With { pipe: Pipe, body: List, otherwise: List },
    Template { name: String, pipe: Option<Pipe>, pos: usize },
    Break,
    Continue,
}

/// `$a, $b := command | command`
#[derive(Debug, Clone)]
pub struct Pipe {
    pub declared: Vec<String>,
    /// `=` instead of `:=`
    pub assigns: bool,
    pub commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub struct Command {
    pub operands: Vec<Operand>,
    /// As written, for error messages.
    pub text: String,
}

#[derive(Debug, Clone)]
pub struct Operand {
    pub kind: OperandKind,
    pub pos: usize,
    /// As Go prints the node in errors.
    pub text: String,
}

#[derive(Debug, Clone)]
pub enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Function(String),
    Pipe(Box<Pipe>),
    Chain(Box<Operand>, Vec<String>),
}

pub fn parse(source: &str) -> Result<(List, BTreeMap<String, List>), TemplateError> {
    let mut parser = Parser {
        source,
        tokens: lex(source),
        at: 0,
        variables: vec!["$".to_owned()],
        loops: 0,
        defined: BTreeMap::new(),
    };
    let (root, end) = parser.list()?;
    match end {
        End::Eof => Ok((root, parser.defined)),
        End::Else { pos } => Err(parser.error(pos, "unexpected {{else}}")),
        End::Closed { pos } => Err(parser.error(pos, "unexpected {{end}}")),
    }
}

struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    variables: Vec<String>,
    loops: usize,
    defined: BTreeMap<String, List>,
}

/// What ended a list. After `Else` the words that follow it (`if`, `with`) are still to be read.
enum End {
    Eof,
    Closed { pos: usize },
    Else { pos: usize },
}

#[derive(Clone, Copy, PartialEq)]
enum Control {
    If,
    Range,
    With,
}

impl Control {
    fn word(self) -> &'static str {
        match self {
            Control::If => "if",
            Control::Range => "range",
            Control::With => "with",
        }
    }
}

impl Parser<'_> {
    fn error(&self, pos: usize, message: impl std::fmt::Display) -> TemplateError {
        error_at(self.source, pos, message)
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn skip_space(&mut self) {
        while self.peek().kind == Kind::Space {
            self.at += 1;
        }
    }

    fn unexpected(&self, token: &Token, context: &str) -> TemplateError {
        if let Kind::Error(error) = &token.kind {
            return error.clone();
        }
        let what = match &token.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Close => "\"}}\"".to_owned(),
            Kind::Word(w) if is_keyword(w) => format!("<{w}>"),
            _ => format!("{:?}", token.text),
        };
        self.error(token.pos, format_args!("unexpected {what} in {context}"))
    }

    fn list(&mut self) -> Result<(List, End), TemplateError> {
        let mut nodes = List::new();
        loop {
            let token = self.next();
            match token.kind {
                Kind::Eof => return Ok((nodes, End::Eof)),
                Kind::Text(text) => nodes.push(Node::Text(text)),
                Kind::Open => {
                    self.skip_space();
                    let word = match &self.peek().kind {
                        Kind::Word(w) if is_keyword(w) => w.clone(),
                        _ => String::new(),
                    };
                    if word.is_empty() {
                        let pipe = self.pipe("command", &Kind::Close)?;
                        nodes.push(Node::Action(pipe));
                        continue;
                    }
                    let word_pos = self.next().pos;
                    match word.as_str() {
                        "end" => {
                            self.close("end")?;
                            return Ok((nodes, End::Closed { pos: word_pos }));
                        }
                        "else" => return Ok((nodes, End::Else { pos: word_pos })),
                        "if" => nodes.push(self.control(Control::If)?),
                        "range" => nodes.push(self.control(Control::Range)?),
                        "with" => nodes.push(self.control(Control::With)?),
                        "define" => self.define(word_pos)?,
                        "block" => nodes.push(self.block(word_pos)?),
                        "template" => nodes.push(self.template()?),
                        "break" | "continue" => {
                            if self.loops == 0 {
                                return Err(self
                                    .error(word_pos, format_args!("{{{{{word}}}}} outside {{{{range}}}}")));
                            }
                            self.close(&format!("{{{{{word}}}}}"))?;
                            nodes.push(if word == "break" { Node::Break } else { Node::Continue });
                        }
                        _ => {
                            // nil, true and false start a command like any operand.
                            self.at -= 1;
                            let pipe = self.pipe("command", &Kind::Close)?;
                            nodes.push(Node::Action(pipe));
                        }
                    }
                }
                _ => return Err(self.unexpected(&token, "input")),
            }
        }
    }

    fn close(&mut self, context: &str) -> Result<(), TemplateError> {
        self.skip_space();
        let token = self.next();
        if token.kind == Kind::Close { Ok(()) } else { Err(self.unexpected(&token, context)) }
    }

    fn control(&mut self, control: Control) -> Result<Node, TemplateError> {
        let scope = self.variables.len();
        let pipe = self.pipe(control.word(), &Kind::Close)?;
        if control == Control::Range {
            self.loops += 1;
        }
        let (body, end) = self.list()?;
        if control == Control::Range {
            self.loops -= 1;
        }
        let otherwise = match end {
            End::Eof => {
                let pos = self.source.len();
                return Err(self.error(pos, "unexpected EOF"));
            }
            End::Closed { .. } => List::new(),
            End::Else { .. } => self.otherwise(control)?,
        };
        self.variables.truncate(scope);
        Ok(match control {
            Control::If => Node::If { pipe, then: body, otherwise },
            Control::Range => Node::Range { pipe, body, otherwise },
            Control::With => Node::With { pipe, body, otherwise },
        })
    }

    /// After `{{else`: a list up to `{{end}}`, or another `if` (in `if`) or `with` (in `with`) that shares
    /// the end.
    fn otherwise(&mut self, control: Control) -> Result<List, TemplateError> {
        self.skip_space();
        if self.peek().kind == Kind::Word(control.word().to_owned()) && control != Control::Range {
            self.next();
            return Ok(vec![self.control(control)?]);
        }
        self.close("else")?;
        let (list, end) = self.list()?;
        match end {
            End::Closed { .. } => Ok(list),
            End::Else { pos } => Err(self.error(pos, "expected end; found {{else}}")),
            End::Eof => Err(self.error(self.source.len(), "unexpected EOF")),
        }
    }

    fn name(&mut self, context: &str) -> Result<String, TemplateError> {
        self.skip_space();
        let token = self.next();
        match token.kind {
            Kind::Str(name) => Ok(name),
            _ => Err(self.unexpected(&token, context)),
        }
    }

    fn body(&mut self) -> Result<List, TemplateError> {
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let (list, end) = self.list()?;
        self.variables = outer;
        self.loops = loops;
        match end {
            End::Closed { .. } => Ok(list),
            End::Else { pos } => Err(self.error(pos, "unexpected {{else}} in define clause")),
            End::Eof => Err(self.error(self.source.len(), "unexpected EOF")),
        }
    }

    fn define(&mut self, _pos: usize) -> Result<(), TemplateError> {
        let name = self.name("define clause")?;
        self.close("define clause")?;
        let body = self.body()?;
        self.defined.insert(name, body);
        Ok(())
    }

    fn block(&mut self, pos: usize) -> Result<Node, TemplateError> {
        let name = self.name("block clause")?;
        let pipe = self.pipe("block clause", &Kind::Close)?;
        let body = self.body()?;
        self.defined.insert(name.clone(), body);
        Ok(Node::Template { name, pipe: Some(pipe), pos })
    }

    fn template(&mut self) -> Result<Node, TemplateError> {
        self.skip_space();
        let pos = self.peek().pos;
        let name = self.name("template clause")?;
        self.skip_space();
        if self.peek().kind == Kind::Close {
            self.next();
            return Ok(Node::Template { name, pipe: None, pos });
        }
        let pipe = self.pipe("template clause", &Kind::Close)?;
        Ok(Node::Template { name, pipe: Some(pipe), pos })
    }

    /// A pipeline up to and with `end`.
    fn pipe(&mut self, context: &str, end: &Kind) -> Result<Pipe, TemplateError> {
        self.skip_space();
        let start = self.peek().pos;
        let (declared, assigns) = self.declarations(context)?;
        let mut commands: Vec<Command> = Vec::new();
        loop {
            self.skip_space();
            let token = self.peek().clone();
            match token.kind {
                ref kind if kind == end => {
                    self.next();
                    if commands.is_empty() {
                        return Err(self.error(start, format_args!("missing value for {context}")));
                    }
                    self.check(&commands)?;
                    if !assigns {
                        self.variables.extend(declared.iter().cloned());
                    }
                    return Ok(Pipe { declared, assigns, commands });
                }
                Kind::Close
                | Kind::CloseParen
                | Kind::Eof
                | Kind::Comma
                | Kind::Declare
                | Kind::Assign
                | Kind::Char => {
                    return Err(self.unexpected(&token, context));
                }
                _ => commands.push(self.command(context, end)?),
            }
        }
    }

    /// Only the first command of a pipeline may be a constant.
    fn check(&self, commands: &[Command]) -> Result<(), TemplateError> {
        for (number, command) in commands.iter().enumerate().skip(1) {
            use OperandKind::*;
            let first = &command.operands[0];
            if matches!(first.kind, Dot | Nil | Bool(_) | Int(_) | Float(_) | Str(_)) {
                let stage = number + 1;
                return Err(
                    self.error(first.pos, format_args!("non executable command in pipeline stage {stage}"))
                );
            }
        }
        Ok(())
    }

    /// `$x :=`, `$x =`, and in a range `$i, $x :=`.
    fn declarations(&mut self, context: &str) -> Result<(Vec<String>, bool), TemplateError> {
        let start = self.at;
        let mut names = Vec::new();
        loop {
            self.skip_space();
            let Kind::Variable(name) = self.peek().kind.clone() else { break };
            self.next();
            self.skip_space();
            names.push(name);
            match self.peek().kind {
                Kind::Declare => {
                    self.next();
                    return Ok((names, false));
                }
                Kind::Assign => {
                    self.next();
                    if let Some(unknown) = names.iter().find(|n| !self.variables.contains(n)) {
                        let pos = self.tokens[start].pos;
                        return Err(self.error(pos, format_args!("undefined variable \"{unknown}\"")));
                    }
                    return Ok((names, true));
                }
                Kind::Comma if context == "range" && names.len() == 1 => {
                    self.next();
                }
                Kind::Comma => {
                    let pos = self.peek().pos;
                    return Err(self.error(pos, format_args!("too many declarations in {context}")));
                }
                _ => break,
            }
        }
        self.at = start;
        Ok((Vec::new(), false))
    }

    /// Operands separated by spaces, up to `|` (eaten) or the end of the pipeline (left).
    fn command(&mut self, context: &str, end: &Kind) -> Result<Command, TemplateError> {
        let mut operands: Vec<Operand> = Vec::new();
        let made = |operands: Vec<Operand>| {
            let words: Vec<&str> = operands.iter().map(|operand| operand.text.as_str()).collect();
            let text = words.join(" ");
            Command { operands, text }
        };
        loop {
            self.skip_space();
            let token = self.peek().clone();
            if let Some(operand) = self.operand()? {
                operands.push(operand);
                let next = self.peek().clone();
                match next.kind {
                    Kind::Space => continue,
                    Kind::Pipe => {}
                    ref kind if kind == end => {}
                    _ => return Err(self.unexpected(&next, "operand")),
                }
            } else if token.kind == Kind::Pipe && operands.is_empty() {
                return Err(self.error(token.pos, "empty command"));
            }
            let next = self.peek().clone();
            match next.kind {
                Kind::Pipe => {
                    self.next();
                    self.skip_space();
                    if self.peek().kind == *end {
                        return Err(self.error(next.pos, format_args!("missing value for {context}")));
                    }
                    return Ok(made(operands));
                }
                ref kind if kind == end => return Ok(made(operands)),
                _ => return Err(self.unexpected(&next, "operand")),
            }
        }
    }

    fn operand(&mut self) -> Result<Option<Operand>, TemplateError> {
        let token = self.peek().clone();
        let kind = match &token.kind {
            Kind::Dot => OperandKind::Dot,
            Kind::Int(i) => OperandKind::Int(*i),
            Kind::Float(f) => OperandKind::Float(*f),
            Kind::Str(s) => OperandKind::Str(s.clone()),
            Kind::Field(name) => OperandKind::Field(vec![name.clone()]),
            Kind::Variable(name) => {
                if !self.variables.contains(name) {
                    return Err(self.error(token.pos, format_args!("undefined variable \"{name}\"")));
                }
                OperandKind::Variable(name.clone(), Vec::new())
            }
            Kind::Word(w) if w == "true" || w == "false" => OperandKind::Bool(w == "true"),
            Kind::Word(w) if w == "nil" => OperandKind::Nil,
            Kind::Word(w) if is_keyword(w) => return Err(self.unexpected(&token, "operand")),
            Kind::Word(name) => {
                if !functions::exists(name) {
                    return Err(self.error(token.pos, format_args!("function \"{name}\" not defined")));
                }
                OperandKind::Function(name.clone())
            }
            Kind::OpenParen => {
                self.next();
                let pipe = self.pipe("parenthesized pipeline", &Kind::CloseParen)?;
                let text = self.source[token.pos..self.tokens[self.at - 1].pos + 1].to_owned();
                let kind = OperandKind::Pipe(Box::new(pipe));
                return self.chained(Operand { kind, pos: token.pos, text }).map(Some);
            }
            _ => return Ok(None),
        };
        self.next();
        self.chained(Operand { kind, pos: token.pos, text: token.text }).map(Some)
    }

    /// `.Field`s that follow without a space.
    fn chained(&mut self, first: Operand) -> Result<Operand, TemplateError> {
        let mut names = Vec::new();
        let mut text = first.text.clone();
        let pos = self.peek().pos;
        while let Kind::Field(name) = self.peek().kind.clone() {
            text.push_str(&self.peek().text);
            names.push(name);
            self.next();
        }
        if names.is_empty() {
            return Ok(first);
        }
        let kind = match first.kind {
            OperandKind::Field(mut fields) => {
                fields.extend(names);
                OperandKind::Field(fields)
            }
            OperandKind::Variable(name, mut fields) => {
                fields.extend(names);
                OperandKind::Variable(name, fields)
            }
            OperandKind::Bool(_)
            | OperandKind::Int(_)
            | OperandKind::Float(_)
            | OperandKind::Str(_)
            | OperandKind::Nil
            | OperandKind::Dot => {
                return Err(self.error(pos, format_args!("unexpected . after term {:?}", first.text)));
            }
            _ => return Ok(Operand { pos, text, kind: OperandKind::Chain(Box::new(first), names) }),
        };
        Ok(Operand { kind, pos, text })
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "block"
            | "break"
            | "continue"
            | "define"
            | "else"
            | "end"
            | "if"
            | "nil"
            | "range"
            | "template"
            | "true"
            | "false"
            | "with"
    )
}
