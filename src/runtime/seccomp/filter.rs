//! From settled rules to a classic BPF program (seccomp(2), linux/filter.h).
//!
//! The program is built from its end: a jump goes forward only, so what it jumps to is already there and
//! its distance known. Offsets of conditional jumps are 8 bits wide; farther targets get a stepping stone.

use std::collections::{BTreeMap, HashMap};

use super::profile::{Action, Architecture, Comparison, Condition, ProfileError, Rules};
use super::syscalls;
use crate::runtime::launch::BpfInstruction;

/// `BPF_LD | BPF_W | BPF_ABS`
const LOAD: u16 = 0x20;
/// `BPF_JMP | BPF_JA`
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
/// `BPF_ALU | BPF_AND | BPF_K`
const AND: u16 = 0x54;
/// `BPF_RET | BPF_K`
const RETURN: u16 = 0x06;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// Longest program the kernel takes (BPF_MAXINSNS).
const LONGEST: usize = 4096;
/// Set in the number of a call made through the x32 ABI.
const X32_BIT: u32 = 0x4000_0000;
const ENOSYS: u16 = 38;

/// What one call gets: the first alternative whose conditions hold, else the last word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Verdict {
    alternatives: Vec<(Vec<ConditionKey>, u32)>,
    last: u32,
}

/// A condition as plain numbers, so that verdicts can be compared and shared.
type ConditionKey = (u8, u8, u64, u64);

impl Architecture {
    /// AUDIT_ARCH_* (linux/audit.h).
    pub fn audit(self) -> u32 {
        match self {
            Architecture::X86_64 | Architecture::X32 => 0xC000_003E,
            Architecture::X86 => 0x4000_0003,
            Architecture::Aarch64 => 0xC000_00B7,
            Architecture::Arm => 0x4000_0028,
        }
    }

    /// Its calls and their numbers, sorted by name.
    pub fn calls(self) -> &'static [(&'static str, u32)] {
        match self {
            Architecture::X86_64 => syscalls::X86_64,
            Architecture::X86 => syscalls::X86,
            Architecture::X32 => syscalls::X32,
            Architecture::Aarch64 => syscalls::AARCH64,
            Architecture::Arm => syscalls::ARM,
        }
    }
}

/// The program for these rules.
///
/// # Errors
/// `TooLong`: more instructions than the kernel takes.
pub fn generate(rules: &Rules) -> Result<Vec<BpfInstruction>, ProfileError> {
    let mut program = Program::default();
    let mut sections = Vec::new();
    for architecture in &rules.architectures {
        let ranges = ranges(&verdicts(rules, *architecture), rules, *architecture);
        let start = program.search(&ranges);
        sections.push((*architecture, start));
    }
    // A call from an ABI that the profile does not name ends the process: its numbers mean other calls.
    let mut next = program.returning(return_value(Action::KillProcess));
    let x32 = sections.iter().find(|(a, _)| *a == Architecture::X32).map(|(_, start)| *start);
    for (architecture, start) in sections.iter().rev() {
        next = match architecture {
            Architecture::X32 => continue,
            Architecture::X86_64 => {
                let foreign = x32.unwrap_or(next);
                let search = program.conditional(JUMP_GREATER_OR_EQUAL, X32_BIT, foreign, *start);
                let entry = program.push(LOAD, NUMBER);
                debug_assert_eq!(search + 1, entry);
                program.conditional(JUMP_EQUAL, architecture.audit(), entry, next)
            }
            _ => {
                // The search starts on a loaded number.
                let entry = program.load_then(NUMBER, *start);
                program.conditional(JUMP_EQUAL, architecture.audit(), entry, next)
            }
        };
    }
    program.load_then(ARCHITECTURE, next);
    program.finish()
}

fn return_value(action: Action) -> u32 {
    match action {
        Action::KillProcess => 0x8000_0000,
        Action::KillThread => 0,
        Action::Trap => 0x0003_0000,
        Action::Errno(errno) => 0x0005_0000 | u32::from(errno),
        Action::Notify => 0x7fc0_0000,
        Action::Trace(data) => 0x7ff0_0000 | u32::from(data),
        Action::Log => 0x7ffc_0000,
        Action::Allow => 0x7fff_0000,
    }
}

/// What each named call of an architecture gets. A rule without conditions is the last word over the
/// conditional ones; among equals the first stands.
fn verdicts(rules: &Rules, architecture: Architecture) -> BTreeMap<u32, Verdict> {
    let calls = architecture.calls();
    let fallback = return_value(rules.fallback);
    let mut out: BTreeMap<u32, (Vec<_>, Option<u32>)> = BTreeMap::new();
    for rule in &rules.rules {
        let value = return_value(rule.action);
        for name in &rule.names {
            let Ok(at) = calls.binary_search_by_key(&name.as_str(), |(name, _)| name) else { continue };
            let number = calls[at].1 | if architecture == Architecture::X32 { X32_BIT } else { 0 };
            let (alternatives, last) = out.entry(number).or_default();
            if rule.conditions.is_empty() {
                last.get_or_insert(value);
            } else {
                alternatives.push((rule.conditions.iter().map(key).collect(), value));
            }
        }
    }
    out.into_iter()
        .map(|(number, (alternatives, last))| match last {
            Some(last) => (number, Verdict { alternatives: Vec::new(), last }),
            None => (number, Verdict { alternatives, last: fallback }),
        })
        .collect()
}

fn key(condition: &Condition) -> ConditionKey {
    (condition.argument, condition.comparison as u8, condition.value, condition.second)
}

/// The whole number space as ranges that start where the verdict changes. Above the newest call that
/// the profile names, an errno profile answers ENOSYS: C libraries then fall back to older calls, where
/// EPERM would be believed.
fn ranges(
    verdicts: &BTreeMap<u32, Verdict>,
    rules: &Rules,
    architecture: Architecture,
) -> Vec<(u32, Verdict)> {
    let plain = |last| Verdict { alternatives: Vec::new(), last };
    let fallback = plain(return_value(rules.fallback));
    let mut out = vec![(0, fallback.clone())];
    let mut expected = 0;
    let mut add = |number: u32, verdict: Verdict| {
        if out.last().is_none_or(|(_, last)| *last != verdict) {
            out.push((number, verdict));
        }
    };
    for (number, verdict) in verdicts {
        if *number != expected {
            add(expected, fallback.clone());
        }
        add(*number, verdict.clone());
        expected = number + 1;
    }
    let unknown = match rules.fallback {
        Action::Errno(_) if !verdicts.is_empty() && architecture != Architecture::Arm => {
            plain(return_value(Action::Errno(ENOSYS)))
        }
        _ => fallback,
    };
    add(expected, unknown);
    if out.len() > 1 && out[1].0 == 0 {
        out.remove(0);
    }
    out
}

/// A program under construction, last instruction first. A position counts from the end, 0 is the last.
#[derive(Default)]
struct Program {
    reversed: Vec<BpfInstruction>,
    returns: HashMap<u32, usize>,
    blocks: HashMap<Verdict, usize>,
}

impl Program {
    fn push(&mut self, code: u16, k: u32) -> usize {
        self.reversed.push(BpfInstruction { code, jt: 0, jf: 0, k });
        self.reversed.len() - 1
    }

    /// Where `RET value` stands.
    fn returning(&mut self, value: u32) -> usize {
        if let Some(at) = self.returns.get(&value).copied() {
            return at;
        }
        let at = self.push(RETURN, value);
        self.returns.insert(value, at);
        at
    }

    /// A position from which the next instruction reaches `target` without a jump.
    fn adjoining(&mut self, target: usize) -> usize {
        let here = self.reversed.len();
        if target + 1 == here { target } else { self.push(JUMP, (here - target - 1) as u32) }
    }

    /// Loads a word of `seccomp_data`, then goes on at `target`.
    fn load_then(&mut self, offset: u32, target: usize) -> usize {
        self.adjoining(target);
        self.push(LOAD, offset)
    }

    /// One conditional jump.
    fn conditional(&mut self, code: u16, k: u32, yes: usize, no: usize) -> usize {
        // A stepping stone for one side moves the other a step away: leave room for both.
        let far = |program: &Program, target: usize| program.reversed.len() - target > 250;
        let yes = if far(self, yes) { self.adjoining(yes) } else { yes };
        let no = if far(self, no) { self.adjoining(no) } else { no };
        let here = self.reversed.len();
        let offset = |target: usize| u8::try_from(here - target - 1).expect("within 250 by the above");
        self.reversed.push(BpfInstruction { code, jt: offset(yes), jf: offset(no), k });
        here
    }

    /// A binary search among `ranges` (sorted by start) on the number already loaded.
    fn search(&mut self, ranges: &[(u32, Verdict)]) -> usize {
        match ranges {
            [] => unreachable!("ranges cover the whole number space"),
            [(_, verdict)] => self.verdict(verdict),
            _ => {
                let middle = ranges.len() / 2;
                let upper = self.search(&ranges[middle..]);
                let lower = self.search(&ranges[..middle]);
                self.conditional(JUMP_GREATER_OR_EQUAL, ranges[middle].0, upper, lower)
            }
        }
    }

    fn verdict(&mut self, verdict: &Verdict) -> usize {
        if verdict.alternatives.is_empty() {
            return self.returning(verdict.last);
        }
        if let Some(at) = self.blocks.get(verdict).copied() {
            return at;
        }
        let mut next = self.returning(verdict.last);
        for (conditions, value) in verdict.alternatives.iter().rev() {
            let mut then = self.returning(*value);
            for condition in conditions.iter().rev() {
                then = self.condition(condition, then, next);
            }
            next = then;
        }
        self.blocks.insert(verdict.clone(), next);
        next
    }

    /// Compares an argument, high word first: BPF registers have 32 bits.
    fn condition(
        &mut self,
        &(argument, comparison, value, second): &ConditionKey,
        yes: usize,
        no: usize,
    ) -> usize {
        let low = ARGUMENTS + 8 * u32::from(argument);
        let high = low + 4;
        let words = |value: u64| ((value >> 32) as u32, value as u32);
        let (code, value, mask, yes, no) = match comparison {
            c if c == Comparison::Equal as u8 => (JUMP_EQUAL, value, None, yes, no),
            c if c == Comparison::NotEqual as u8 => (JUMP_EQUAL, value, None, no, yes),
            c if c == Comparison::Greater as u8 => (JUMP_GREATER, value, None, yes, no),
            c if c == Comparison::LessOrEqual as u8 => (JUMP_GREATER, value, None, no, yes),
            c if c == Comparison::GreaterOrEqual as u8 => (JUMP_GREATER_OR_EQUAL, value, None, yes, no),
            c if c == Comparison::Less as u8 => (JUMP_GREATER_OR_EQUAL, value, None, no, yes),
            _ => (JUMP_EQUAL, second, Some(value), yes, no),
        };
        let (high_value, low_value) = words(value);
        let compared = self.conditional(code, low_value, yes, no);
        let low_word = self.load_masked(low, mask.map(|m| words(m).1), compared);
        let equal = self.conditional(JUMP_EQUAL, high_value, low_word, no);
        let decided = match code {
            // A greater high word decides at once.
            JUMP_GREATER | JUMP_GREATER_OR_EQUAL => self.conditional(JUMP_GREATER, high_value, yes, equal),
            _ => equal,
        };
        self.load_masked(high, mask.map(|m| words(m).0), decided)
    }

    fn load_masked(&mut self, offset: u32, mask: Option<u32>, target: usize) -> usize {
        match mask {
            None => self.load_then(offset, target),
            Some(mask) => {
                self.adjoining(target);
                self.push(AND, mask);
                self.push(LOAD, offset)
            }
        }
    }

    fn finish(mut self) -> Result<Vec<BpfInstruction>, ProfileError> {
        if self.reversed.len() > LONGEST {
            return Err(ProfileError::TooLong(self.reversed.len()));
        }
        self.reversed.reverse();
        Ok(self.reversed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile;
    use super::*;

    const ALLOW: u32 = 0x7fff_0000;
    const EPERM: u32 = 0x0005_0001;
    const X86_64: u32 = 0xC000_003E;
    const I386: u32 = 0x4000_0003;

    /// Runs a program as the kernel would, on one call.
    fn run(program: &[BpfInstruction], arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = [0u8; 64];
        data[..4].copy_from_slice(&number.to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        for (at, argument) in arguments.iter().enumerate() {
            data[16 + 8 * at..24 + 8 * at].copy_from_slice(&argument.to_le_bytes());
        }
        let (mut accumulator, mut at) = (0u32, 0usize);
        loop {
            let i = program[at];
            at += 1;
            let branch = |taken: bool| usize::from(if taken { i.jt } else { i.jf });
            match i.code {
                LOAD => {
                    let word = &data[i.k as usize..i.k as usize + 4];
                    accumulator = u32::from_le_bytes(word.try_into().unwrap());
                }
                AND => accumulator &= i.k,
                JUMP => at += i.k as usize,
                JUMP_EQUAL => at += branch(accumulator == i.k),
                JUMP_GREATER => at += branch(accumulator > i.k),
                JUMP_GREATER_OR_EQUAL => at += branch(accumulator >= i.k),
                RETURN => return i.k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    fn number(architecture: Architecture, name: &str) -> u32 {
        let calls = architecture.calls();
        calls[calls.binary_search_by_key(&name, |c| c.0).unwrap_or_else(|_| panic!("{name}"))].1
    }

    const DOCKER: u64 = 0xa804_25fb;
    const SYS_ADMIN: u64 = 1 << 21;

    #[test]
    fn tables_are_sorted_for_the_binary_search() {
        for table in [syscalls::X86_64, syscalls::X86, syscalls::X32, syscalls::AARCH64, syscalls::ARM] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }

    #[test]
    fn every_call_gets_what_the_rules_say_on_every_architecture() {
        for capabilities in [DOCKER, DOCKER | SYS_ADMIN, 0, u64::MAX] {
            let rules = profile::default(capabilities, (6, 18));
            let program = generate(&rules).unwrap();
            for (architecture, bit) in
                [(Architecture::X86_64, 0), (Architecture::X86, 0), (Architecture::X32, X32_BIT)]
            {
                let known = verdicts(&rules, architecture);
                for (name, number) in architecture.calls() {
                    let number = number | bit;
                    let wanted = known.get(&number);
                    if wanted.is_some_and(|v| !v.alternatives.is_empty()) {
                        continue; // the next test
                    }
                    let got = run(&program, architecture.audit(), number, [0; 6]);
                    let newest = known.keys().next_back().copied().unwrap();
                    let unnamed = if number > newest { 0x0005_0026 } else { EPERM };
                    assert_eq!(got, wanted.map_or(unnamed, |v| v.last), "{name} on {architecture:?}");
                }
            }
        }
    }

    #[test]
    fn conditions_on_arguments_decide() {
        let plain = generate(&profile::default(DOCKER, (6, 18))).unwrap();
        let admin = generate(&profile::default(DOCKER | SYS_ADMIN, (6, 18))).unwrap();
        let call = |program: &[BpfInstruction], name: &str, first: u64| {
            run(program, X86_64, number(Architecture::X86_64, name), [first, 0, 0, 0, 0, 0])
        };
        for (name, first, without, with) in [
            ("clone", 0, ALLOW, ALLOW),
            ("clone", 0x1000_0000, EPERM, ALLOW), // CLONE_NEWUSER
            ("clone", 0x0002_0000, EPERM, ALLOW), // CLONE_NEWNS
            ("clone", 0x0120_0011, ALLOW, ALLOW),
            ("clone3", 0, 0x0005_0026, ALLOW), // ENOSYS, for C libraries to fall back to clone
            ("unshare", 0x1000_0000, EPERM, ALLOW),
            ("mount", 0, EPERM, ALLOW),
            ("socket", 1, ALLOW, ALLOW),
            ("socket", 38, EPERM, EPERM), // AF_ALG
            ("socket", 39, ALLOW, ALLOW),
            ("socket", 40, EPERM, EPERM), // AF_VSOCK
            ("socket", 41, ALLOW, ALLOW),
            ("socket", 1 << 32 | 38, ALLOW, ALLOW), // greater than 40 as 64 bits
            ("personality", 0, ALLOW, ALLOW),
            ("personality", 8, ALLOW, ALLOW),
            ("personality", 0xffff_ffff, ALLOW, ALLOW),
            ("personality", 0x0004_0000, EPERM, EPERM), // ADDR_NO_RANDOMIZE
            ("keyctl", 0, EPERM, EPERM),
            ("read", 0, ALLOW, ALLOW),
            ("ptrace", 0, ALLOW, ALLOW),
        ] {
            assert_eq!(call(&plain, name, first), without, "{name}({first:#x}) without CAP_SYS_ADMIN");
            assert_eq!(call(&admin, name, first), with, "{name}({first:#x}) with CAP_SYS_ADMIN");
        }
    }

    #[test]
    fn a_foreign_abi_kills_and_unknown_new_calls_are_enosys() {
        let program = generate(&profile::default(DOCKER, (6, 18))).unwrap();
        assert_eq!(run(&program, 0xC000_00B7, 63, [0; 6]), 0x8000_0000);
        assert_eq!(run(&program, X86_64, 5000, [0; 6]), 0x0005_0026);
        assert_eq!(run(&program, I386, 4, [0; 6]), ALLOW);
        assert_eq!(run(&program, X86_64, X32_BIT | 1, [0; 6]), ALLOW);
    }

    #[test]
    fn the_default_program_is_short() {
        let length = generate(&profile::default(DOCKER, (6, 18))).unwrap().len();
        assert!(length < 450, "{length}");
    }

    #[test]
    fn every_operator_and_action_of_a_profile_file_is_understood() {
        let json = r#"{"defaultAction":"SCMP_ACT_KILL_PROCESS","architectures":["SCMP_ARCH_X86_64"],"syscalls":[
            {"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":5,"op":"SCMP_CMP_NE"}]},
            {"names":["write"],"action":"SCMP_ACT_ERRNO","errnoRet":13,"args":[{"index":2,"value":4294967296,"op":"SCMP_CMP_GE"}]},
            {"names":["lseek"],"action":"SCMP_ACT_LOG","args":[{"index":1,"value":7,"op":"SCMP_CMP_LE"}]},
            {"names":["close"],"action":"SCMP_ACT_TRAP","args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]},
            {"names":["dup3"],"action":"SCMP_ACT_TRACE","errnoRet":7,"args":[{"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":255,"valueTwo":3,"op":"SCMP_CMP_MASKED_EQ"}]},
            {"name":"nosuchcall","action":"SCMP_ACT_NOTIFY"},
            {"names":["mmap"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
            {"names":["pause"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}}]}"#;
        let program = generate(&profile::read(json, 0, (6, 1)).unwrap()).unwrap();
        let call = |name: &str, a: [u64; 3]| {
            run(&program, X86_64, number(Architecture::X86_64, name), [a[0], a[1], a[2], 0, 0, 0])
        };
        const KILL: u32 = 0x8000_0000;
        assert_eq!((call("read", [5, 0, 0]), call("read", [4, 0, 0])), (KILL, ALLOW));
        assert_eq!(call("write", [0, 0, 1 << 32]), 0x0005_000d);
        assert_eq!(call("write", [0, 0, 0xffff_ffff]), KILL);
        assert_eq!((call("lseek", [0, 7, 0]), call("lseek", [0, 8, 0])), (0x7ffc_0000, KILL));
        assert_eq!(call("lseek", [0, 1 << 40, 0]), KILL);
        assert_eq!((call("close", [1, 0, 0]), call("close", [2, 0, 0])), (0x0003_0000, 0x0003_0000));
        assert_eq!(call("close", [3, 0, 0]), KILL);
        assert_eq!(call("dup3", [1, 0xf03, 0]), 0x7ff0_0007);
        assert_eq!((call("dup3", [1, 4, 0]), call("dup3", [2, 3, 0])), (KILL, KILL));
        assert_eq!((call("mmap", [0; 3]), call("pause", [0; 3])), (KILL, ALLOW));
        assert_eq!(run(&program, I386, 3, [0; 6]), KILL);
    }

    #[test]
    fn nonsense_profiles_are_refused_in_words() {
        for (json, word) in [
            ("{", "EOF"),
            (r#"{"defaultAction":"SCMP_ACT_DANCE"}"#, "SCMP_ACT_DANCE"),
            (
                r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","args":[{"index":9,"value":1,"op":"SCMP_CMP_EQ"}]}]}"#,
                "9",
            ),
        ] {
            let error = profile::read(json, 0, (6, 1)).unwrap_err().to_string();
            assert!(error.starts_with("Decoding seccomp profile failed") && error.contains(word), "{error}");
        }
    }
}
