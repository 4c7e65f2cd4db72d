//! Words of an instruction: split at blanks outside of quotes, `NAME=VALUE` pairs, quotes taken away and
//! variables filled in.

use super::ChangeError;

/// The pairs of `ENV` and `LABEL`: `NAME=VALUE …`, or the old form `NAME everything else`.
pub(super) fn pairs(
    instruction: &'static str,
    rest: &str,
    env: &[String],
) -> Result<Vec<(String, String)>, ChangeError> {
    let words = split(rest);
    let Some(first) = words.first() else { return Err(ChangeError::AtLeastOne(instruction)) };
    let raw: Vec<(&str, &str)> = if first.contains('=') {
        let pairs = words.iter().map(|w| w.split_once('=').ok_or_else(|| ChangeError::NoEquals(w.clone())));
        pairs.collect::<Result<_, _>>()?
    } else {
        let (name, value) =
            rest.split_once(char::is_whitespace).ok_or(ChangeError::TwoArguments(instruction))?;
        vec![(name, value.trim_start())]
    };
    let mut pairs = Vec::new();
    for (name, value) in raw {
        let name = expand(name, env)?;
        if name.is_empty() {
            return Err(ChangeError::BlankName(instruction));
        }
        pairs.push((name, expand(value, env)?));
    }
    Ok(pairs)
}

/// Words at blanks outside of quotes; quotes and backslashes stay.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, None) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            ('\\', None | Some('"')) => {
                word.push(c);
                word.extend(chars.next());
                continue;
            }
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Words at blanks, filled in; a variable's value may be several words.
pub(super) fn expanded(text: &str, env: &[String]) -> Result<Vec<String>, ChangeError> {
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        words.extend(expand(word, env)?.split_whitespace().map(str::to_owned));
    }
    Ok(words)
}

/// Takes quotes and backslashes away and fills variables in.
pub(super) fn expand(text: &str, env: &[String]) -> Result<String, ChangeError> {
    let mut input = Input { chars: text.chars().collect(), at: 0, text, env };
    input.process(None)
}

struct Input<'a> {
    chars: Vec<char>,
    at: usize,
    text: &'a str,
    env: &'a [String],
}

impl Input<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    /// Up to `end` (of a `${…}`), or the end of the text.
    fn process(&mut self, end: Option<char>) -> Result<String, ChangeError> {
        let mut out = String::new();
        while let Some(c) = self.next() {
            match c {
                c if Some(c) == end => return Ok(out),
                '\'' => self.single_quoted(&mut out)?,
                '"' => self.double_quoted(&mut out)?,
                '\\' => out.extend(self.next()),
                '$' => out.push_str(&self.variable()?),
                c => out.push(c),
            }
        }
        match end {
            Some(end) => Err(ChangeError::Quote(end)),
            None => Ok(out),
        }
    }

    fn single_quoted(&mut self, out: &mut String) -> Result<(), ChangeError> {
        loop {
            match self.next().ok_or(ChangeError::Quote('\''))? {
                '\'' => return Ok(()),
                c => out.push(c),
            }
        }
    }

    fn double_quoted(&mut self, out: &mut String) -> Result<(), ChangeError> {
        let end = || ChangeError::Quote('"');
        loop {
            match self.next().ok_or_else(end)? {
                '"' => return Ok(()),
                '$' => out.push_str(&self.variable()?),
                '\\' => match self.next().ok_or_else(end)? {
                    c @ ('"' | '$' | '\\') => out.push(c),
                    c => out.extend(['\\', c]),
                },
                c => out.push(c),
            }
        }
    }

    /// What stands after a `$`.
    fn variable(&mut self) -> Result<String, ChangeError> {
        match self.peek() {
            Some('{') => {
                self.at += 1;
                self.braced()
            }
            Some(c) if c == '_' || c.is_ascii_alphanumeric() => {
                let name = self.name();
                Ok(self.value(&name).unwrap_or_default().to_owned())
            }
            _ => Ok("$".to_owned()),
        }
    }

    /// `NAME}`, `NAME:-WORD}`, `NAME-WORD}`, the same with `+` and `?`.
    fn braced(&mut self) -> Result<String, ChangeError> {
        let bad = ChangeError::Substitution(self.text.to_owned());
        let name = self.name();
        if name.is_empty() {
            return Err(bad);
        }
        let known = self.value(&name).map(str::to_owned);
        let (known, operator) = match self.next() {
            Some('}') => return Ok(known.unwrap_or_default()),
            // With a colon, an empty value counts as none.
            Some(':') => (known.filter(|value| !value.is_empty()), self.next()),
            operator => (known, operator),
        };
        let word = |input: &mut Self| input.process(Some('}'));
        match (operator, known) {
            (Some('-'), known) => word(self).map(|word| known.unwrap_or(word)),
            (Some('+'), known) => word(self).map(|word| known.map_or(String::new(), |_| word)),
            (Some('?'), Some(known)) => word(self).map(|_| known),
            (Some('?'), None) => {
                let why = word(self)?;
                Err(ChangeError::Required(format!("failed to process {:?}: {name}: {why}", self.text)))
            }
            _ => Err(bad),
        }
    }

    fn name(&mut self) -> String {
        let is_name = |c: &char| *c == '_' || c.is_ascii_alphanumeric();
        let rest = &self.chars[self.at..];
        // `$1x` is the parameter 1 and an x.
        let len = match rest.first() {
            Some(c) if c.is_ascii_digit() => 1,
            _ => rest.iter().take_while(|c| is_name(c)).count(),
        };
        let name = rest[..len].iter().collect();
        self.at += len;
        name
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.env
            .iter()
            .find_map(|entry| entry.split_once('=').filter(|(known, _)| *known == name))
            .map(|e| e.1)
    }
}
