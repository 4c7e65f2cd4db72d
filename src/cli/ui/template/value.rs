//! What a template sees: JSON with Go's distinction between structs (unknown fields are errors) and maps
//! (unknown keys have no value).

use std::fmt;
use std::rc::Rc;

use serde_json::Value as Json;

/// A method: called with the arguments that follow its name in a command.
pub type Callable = Rc<dyn Fn(&[Value]) -> Result<Value, String>>;

#[derive(Clone)]
pub enum Value {
    Nil(Nil),
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Rc<str>),
    List(Rc<Vec<Value>>),
    Struct(Rc<Vec<(String, Value)>>),
    /// In key order.
    Map(Rc<Vec<(String, Value)>>),
    Method(Callable),
}

/// Go has several nothings, and prints each in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nil {
    /// A key that a map does not have: `<no value>`.
    NoValue,
    /// A pointer: `<nil>`.
    Pointer,
    /// A slice: `[]`, in JSON `null`.
    List,
    /// A map: `map[]`, in JSON `null`.
    Map,
}

/// Keys whose `null` is a pointer in Docker's types; any other `null` is a slice, or a map under `MAPS`.
const POINTERS: &[&str] = &[
    "DeviceRequests",
    "Health",
    "Healthcheck",
    "ImageManifestDescriptor",
    "Init",
    "Limits",
    "MemorySwappiness",
    "OomKillDisable",
    "PidsLimit",
    "StopTimeout",
    "VolumeOptions",
];

/// Fields that Docker's types have and its JSON leaves out while they are empty. Templates may name them.
const OPTIONAL: &[&str] = &[
    "Annotations",
    "ArgsEscaped",
    "Author",
    "BindOptions",
    "Comment",
    "Descriptor",
    "ExposedPorts",
    "Health",
    "Healthcheck",
    "ImageManifestDescriptor",
    "Init",
    "MacAddress",
    "Mounts",
    "NetworkDisabled",
    "OnBuild",
    "OsVersion",
    "Runtime",
    "Shell",
    "SizeRootFs",
    "SizeRw",
    "StopSignal",
    "StopTimeout",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "TmpfsOptions",
    "Variant",
    "VirtualSize",
    "VolumeOptions",
    "Volumes",
    "WorkingDir",
];

/// Keys whose objects are Go maps in Docker's types; every other object is a struct.
const MAPS: &[&str] = &[
    "Annotations",
    "Data",
    "DriverOpts",
    "ExposedPorts",
    "Labels",
    "LogOpts",
    "Networks",
    "Options",
    "Plugins",
    "PortBindings",
    "Ports",
    "Runtimes",
    "StorageOpt",
    "Sysctls",
    "Tmpfs",
    "Volumes",
];

impl Value {
    pub const NO_VALUE: Value = Value::Nil(Nil::NoValue);

    pub fn str(text: impl AsRef<str>) -> Value {
        Value::Str(Rc::from(text.as_ref()))
    }

    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Rc::new(items))
    }

    pub fn fields(fields: Vec<(String, Value)>) -> Value {
        Value::Struct(Rc::new(fields))
    }

    pub fn map(entries: impl IntoIterator<Item = (String, Value)>) -> Value {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Value::Map(Rc::new(entries))
    }

    /// Reads Docker's JSON: objects are structs, except under the keys that are maps in Docker's types.
    pub fn from_json(json: &Json) -> Value {
        from_json(json, "")
    }

    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil(_) => false,
            Value::Bool(b) => *b,
            Value::Int(i) => *i != 0,
            Value::Float(f) => *f != 0.0,
            Value::Str(s) => !s.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
            Value::Struct(_) | Value::Method(_) => true,
        }
    }

    /// Looks a field or key up; `Err` when a struct does not have it.
    pub fn field(&self, name: &str) -> Result<Value, Missing> {
        match self {
            Value::Map(entries) => {
                Ok(entries.iter().find(|(k, _)| k == name).map_or(Value::NO_VALUE, |(_, v)| v.clone()))
            }
            Value::Struct(fields) => {
                let exact = fields.iter().find(|(k, _)| k == name);
                // Go's names and JSON's differ in case only (ID and Id, CPUShares and CpuShares); both work.
                let found = exact.or_else(|| fields.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)));
                match found {
                    Some((_, value)) => Ok(value.clone()),
                    None if OPTIONAL.contains(&name) => Ok(Value::Nil(nil_of(name))),
                    None => Err(Missing::Field),
                }
            }
            Value::Nil(Nil::NoValue | Nil::Map) => Ok(Value::NO_VALUE),
            Value::Nil(Nil::Pointer) => Err(Missing::Nil),
            _ => Err(Missing::NotAStruct),
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Value::Nil(Nil::List) => "[]interface {}",
            Value::Nil(Nil::Map) => "map[string]interface {}",
            Value::Nil(_) => "<nil>",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float64",
            Value::Str(_) => "string",
            Value::List(_) => "[]interface {}",
            Value::Struct(_) | Value::Map(_) => "map[string]interface {}",
            Value::Method(_) => "func",
        }
    }

    pub fn to_json(&self) -> Json {
        match self {
            Value::Nil(_) | Value::Method(_) => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(i) => Json::from(*i),
            Value::Float(f) => Json::from(*f),
            Value::Str(s) => Json::from(&**s),
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect()),
            Value::Struct(fields) | Value::Map(fields) => {
                let shown = fields.iter().filter(|(_, v)| !matches!(v, Value::Method(_)));
                Json::Object(shown.map(|(k, v)| (k.clone(), v.to_json())).collect())
            }
        }
    }
}

/// Why a field is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Field,
    Nil,
    NotAStruct,
}

fn nil_of(key: &str) -> Nil {
    match key {
        key if POINTERS.contains(&key) => Nil::Pointer,
        key if MAPS.contains(&key) => Nil::Map,
        _ => Nil::List,
    }
}

/// `key` is the name the value stands under; what is in a map stands under no name of a type.
fn from_json(json: &Json, key: &str) -> Value {
    match json {
        Json::Null => Value::Nil(nil_of(key)),
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match n.as_i64() {
            Some(i) => Value::Int(i),
            None => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::str(s),
        Json::Array(items) => Value::list(items.iter().map(|item| from_json(item, "")).collect()),
        Json::Object(object) if MAPS.contains(&key) => {
            Value::map(object.iter().map(|(k, v)| (k.clone(), from_json(v, ""))))
        }
        Json::Object(object) => {
            Value::fields(object.iter().map(|(k, v)| (k.clone(), from_json(v, k))).collect())
        }
    }
}

/// As Go's `%v` prints it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nil(Nil::List) => f.write_str("[]"),
            Value::Nil(Nil::Map) => f.write_str("map[]"),
            Value::Nil(_) => f.write_str("<nil>"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => f.write_str(&super::printf::general(*x)),
            Value::Str(s) => f.write_str(s),
            Value::List(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if n == 0 { "" } else { " " })?;
                }
                f.write_str("]")
            }
            Value::Struct(fields) => {
                f.write_str("{")?;
                let shown = fields.iter().filter(|(_, v)| !matches!(v, Value::Method(_)));
                for (n, (_, value)) in shown.enumerate() {
                    write!(f, "{}{value}", if n == 0 { "" } else { " " })?;
                }
                f.write_str("}")
            }
            Value::Map(entries) => {
                f.write_str("map[")?;
                for (n, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}:{value}", if n == 0 { "" } else { " " })?;
                }
                f.write_str("]")
            }
            Value::Method(_) => f.write_str("<func>"),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({self})", self.kind())
    }
}
