//! Walking the tree.

use super::functions::{self, Set};
use super::parse::{Command, List, Node, Operand, OperandKind, Pipe};
use super::value::{Missing, Nil};
use super::{Template, TemplateError, Unknown, Value};

/// How deep templates may call each other (Go allows 100000, on a stack that grows).
const DEPTH: usize = 200;

pub fn run(template: &Template, data: &Value, unknown: Unknown, set: Set) -> Result<String, TemplateError> {
    let mut run = Run {
        template,
        unknown,
        set,
        name: String::new(),
        out: String::new(),
        variables: vec![("$".to_owned(), data.clone())],
        depth: 0,
    };
    run.list(&template.root, data)?;
    Ok(run.out)
}

struct Run<'a> {
    template: &'a Template,
    unknown: Unknown,
    set: Set,
    /// Name of the template being executed; the outermost has none.
    name: String,
    out: String,
    variables: Vec<(String, Value)>,
    depth: usize,
}

/// Why a list ended.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

type Result<T, E = TemplateError> = std::result::Result<T, E>;

impl Run<'_> {
    /// Go's `template: NAME:LINE:COLUMN: executing "NAME" at <NODE>: message`.
    fn error(&self, pos: usize, node: &str, message: impl std::fmt::Display) -> TemplateError {
        let before = &self.template.text[..pos.min(self.template.text.len())];
        let line = 1 + before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        let name = &self.name;
        TemplateError(format!("template: :{line}:{column}: executing \"{name}\" at <{node}>: {message}"))
    }

    fn list(&mut self, list: &List, dot: &Value) -> Result<Flow> {
        for node in list {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow> {
        let scope = self.variables.len();
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.declared.is_empty() {
                    match value {
                        Value::Nil(Nil::NoValue) => self.out.push_str("<no value>"),
                        value => self.out.push_str(&value.to_string()),
                    }
                }
                // What an action declares lives on to the end of the enclosing block.
                return Ok(Flow::On);
            }
            Node::If { pipe, then, otherwise } => {
                let condition = self.pipe(pipe, dot)?.is_true();
                let flow = self.list(if condition { then } else { otherwise }, dot)?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::With { pipe, body, otherwise } => {
                let value = self.pipe(pipe, dot)?;
                let flow = if value.is_true() { self.list(body, &value) } else { self.list(otherwise, dot) }?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range { pipe, body, otherwise } => {
                let flow = self.range(pipe, body, otherwise, dot)?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Template { name, pipe, pos } => self.call_template(name, pipe.as_ref(), *pos, dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(&mut self, pipe: &Pipe, body: &List, otherwise: &List, dot: &Value) -> Result<Flow> {
        let scope = self.variables.len();
        let value = self.commands(pipe, dot)?;
        let items: Vec<(Value, Value)> = match &value {
            Value::Nil(_) => Vec::new(),
            Value::List(items) => {
                items.iter().enumerate().map(|(n, item)| (Value::Int(n as i64), item.clone())).collect()
            }
            Value::Map(entries) => {
                entries.iter().map(|(key, item)| (Value::str(key), item.clone())).collect()
            }
            // An object without a known type is a map as well for those who range over it.
            Value::Struct(fields) => {
                let mut entries: Vec<_> = fields.iter().collect();
                entries.sort_by(|a, b| a.0.cmp(&b.0));
                entries.into_iter().map(|(key, item)| (Value::str(key), item.clone())).collect()
            }
            Value::Int(count) => (0..*count).map(|n| (Value::Int(n), Value::Int(n))).collect(),
            other => {
                let operand = &pipe.commands[0].operands[0];
                let message = format!("range can't iterate over {other}");
                return Err(self.error(operand.pos, &operand.text, message));
            }
        };
        if items.is_empty() {
            return self.list(otherwise, dot);
        }
        for (key, item) in items {
            self.variables.truncate(scope);
            let values = if pipe.declared.len() == 2 { vec![key, item.clone()] } else { vec![item.clone()] };
            for (name, value) in pipe.declared.iter().zip(values) {
                self.set(name, value, pipe.assigns);
            }
            if self.list(body, &item)? == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn call_template(&mut self, name: &str, pipe: Option<&Pipe>, pos: usize, dot: &Value) -> Result<()> {
        let template = self.template;
        let Some(body) = template.defined.get(name) else {
            return Err(self.error(
                pos,
                &format!("{{{{template {name:?}}}}}"),
                format_args!("template {name:?} not defined"),
            ));
        };
        if self.depth == DEPTH {
            return Err(self.error(pos, name, "exceeded maximum template depth"));
        }
        let dot = match pipe {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Value::NO_VALUE,
        };
        let variables = std::mem::replace(&mut self.variables, vec![("$".to_owned(), dot.clone())]);
        let outer = std::mem::replace(&mut self.name, name.to_owned());
        self.depth += 1;
        self.list(body, &dot)?;
        self.depth -= 1;
        self.name = outer;
        self.variables = variables;
        Ok(())
    }

    fn set(&mut self, name: &str, value: Value, assigns: bool) {
        if assigns && let Some(slot) = self.variables.iter_mut().rev().find(|(n, _)| n == name) {
            slot.1 = value;
            return;
        }
        self.variables.push((name.to_owned(), value));
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.declared {
            self.set(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::NO_VALUE))
    }

    fn command(&mut self, command: &Command, dot: &Value, piped: Option<Value>) -> Result<Value> {
        let (first, rest) = command.operands.split_first().expect("the parser makes no empty command");
        if let OperandKind::Function(name) = &first.kind {
            return self.function(first, &command.text, name, rest, dot, piped);
        }
        let value = match &first.kind {
            OperandKind::Pipe(pipe) => self.pipe(pipe, dot)?,
            _ => self.operand(first, dot)?,
        };
        if let Value::Method(method) = &value {
            let mut arguments = self.arguments(rest, dot)?;
            arguments.extend(piped);
            return method(&arguments).map_err(|message| self.error(first.pos, &first.text, message));
        }
        if !rest.is_empty() || piped.is_some() {
            let last = match &first.kind {
                OperandKind::Field(names) | OperandKind::Chain(_, names) => names.last(),
                OperandKind::Variable(_, names) => names.last(),
                _ => None,
            };
            let message = match last {
                Some(name) => format!("{name} has arguments but cannot be invoked as function"),
                None => format!("can't give argument to non-function {}", first.text),
            };
            return Err(self.error(first.pos, &first.text, message));
        }
        Ok(value)
    }

    fn arguments(&mut self, operands: &[Operand], dot: &Value) -> Result<Vec<Value>> {
        operands.iter().map(|operand| self.argument(operand, dot)).collect()
    }

    /// An operand that is not first in its command: methods are called without arguments.
    fn argument(&mut self, operand: &Operand, dot: &Value) -> Result<Value> {
        if let OperandKind::Function(name) = &operand.kind {
            return self.function(operand, &operand.text, name, &[], dot, None);
        }
        if matches!(operand.kind, OperandKind::Nil) {
            return Ok(Value::Nil(Nil::Pointer));
        }
        match self.operand(operand, dot)? {
            Value::Method(method) => {
                method(&[]).map_err(|message| self.error(operand.pos, &operand.text, message))
            }
            value => Ok(value),
        }
    }

    fn function(
        &mut self,
        at: &Operand,
        whole: &str,
        name: &str,
        rest: &[Operand],
        dot: &Value,
        piped: Option<Value>,
    ) -> Result<Value> {
        // `and` and `or` stop at the first operand that decides.
        if matches!(name, "and" | "or") {
            let mut value = None;
            for operand in rest {
                let operand = self.argument(operand, dot)?;
                let decided = operand.is_true() == (name == "or");
                value = Some(operand);
                if decided {
                    return Ok(value.unwrap_or(Value::NO_VALUE));
                }
            }
            return match piped.or(value) {
                Some(value) => Ok(value),
                None => Err(self.error(
                    at.pos,
                    &at.text,
                    format_args!("wrong number of args for {name}: want at least 1 got 0"),
                )),
            };
        }
        let mut arguments = self.arguments(rest, dot)?;
        arguments.extend(piped);
        functions::call(name, &arguments, self.set).map_err(|problem| {
            match problem {
                functions::Problem::Count(message) => self.error(at.pos, &at.text, message),
                functions::Problem::Call(message) => {
                    self.error(at.pos, whole, format_args!("error calling {name}: {message}"))
                }
                functions::Problem::Argument(number, message) => {
                    // What came through a pipe has no place of its own.
                    let at = rest.get(number).unwrap_or(at);
                    self.error(at.pos, &at.text, message.replace("{}", &at.text))
                }
            }
        })
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value> {
        match &operand.kind {
            OperandKind::Dot => Ok(dot.clone()),
            OperandKind::Nil => Err(self.error(operand.pos, &operand.text, "nil is not a command")),
            OperandKind::Bool(b) => Ok(Value::Bool(*b)),
            OperandKind::Int(i) => Ok(Value::Int(*i)),
            OperandKind::Float(f) => Ok(Value::Float(*f)),
            OperandKind::Str(s) => Ok(Value::str(s)),
            OperandKind::Field(names) => self.fields(operand, dot.clone(), names),
            OperandKind::Variable(name, names) => {
                let value = self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.clone());
                self.fields(operand, value.unwrap_or(Value::NO_VALUE), names)
            }
            OperandKind::Pipe(pipe) => self.pipe(pipe, dot),
            OperandKind::Chain(first, names) => {
                let value = self.argument(first, dot)?;
                self.fields(operand, value, names)
            }
            OperandKind::Function(name) => self.function(operand, &operand.text, name, &[], dot, None),
        }
    }

    fn fields(&self, operand: &Operand, mut value: Value, names: &[String]) -> Result<Value> {
        for name in names {
            value = value.field(name).map_err(|missing| {
                let message = match (missing, self.unknown) {
                    (Missing::Field, Unknown::Key) => format!("map has no entry for key {name:?}"),
                    (Missing::Field, Unknown::Field(kind)) => {
                        format!("can't evaluate field {name} in type {kind}")
                    }
                    (Missing::Nil, _) => format!("nil pointer evaluating interface {{}}.{name}"),
                    (Missing::NotAStruct, _) => {
                        format!("can't evaluate field {name} in type {}", value.kind())
                    }
                };
                self.error(operand.pos, &operand.text, message)
            })?;
        }
        Ok(value)
    }
}
