//! A tar writer that can write what no sane one would: PAX records as given, absurd sizes, names that
//! climb. On purpose not the product's own.

/// An archive being written.
#[derive(Default, Clone)]
pub struct Tar {
    bytes: Vec<u8>,
}

/// One entry; what is not set is what an ordinary root file system has.
#[derive(Clone)]
pub struct Entry {
    name: Vec<u8>,
    kind: u8,
    mode: u32,
    uid: u64,
    gid: u64,
    mtime: u64,
    link: Vec<u8>,
    data: Vec<u8>,
    size: Option<u64>,
    device: (u32, u32),
    pax: Vec<(Vec<u8>, Vec<u8>)>,
    raw_pax: Option<Vec<u8>>,
}

impl Entry {
    pub fn new(kind: u8, name: impl AsRef<[u8]>) -> Entry {
        Entry {
            name: name.as_ref().to_vec(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 1_600_000_000,
            link: Vec::new(),
            data: Vec::new(),
            size: None,
            device: (0, 0),
            pax: Vec::new(),
            raw_pax: None,
        }
    }
    pub fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Entry {
        Entry { data: data.as_ref().to_vec(), ..Entry::new(b'0', name) }
    }
    pub fn directory(name: impl AsRef<[u8]>) -> Entry {
        Entry { mode: 0o755, ..Entry::new(b'5', name) }
    }
    pub fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
        Entry { mode: 0o777, link: target.as_ref().to_vec(), ..Entry::new(b'2', name) }
    }
    pub fn hard_link(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Entry {
        Entry { link: target.as_ref().to_vec(), ..Entry::new(b'1', name) }
    }
    pub fn character_device(name: impl AsRef<[u8]>, major: u32, minor: u32) -> Entry {
        Entry { device: (major, minor), ..Entry::new(b'3', name) }
    }
    pub fn fifo(name: impl AsRef<[u8]>) -> Entry {
        Entry::new(b'6', name)
    }
    pub fn rename(self, name: &str) -> Entry {
        Entry { name: name.as_bytes().to_vec(), ..self }
    }
    pub fn mode(self, mode: u32) -> Entry {
        Entry { mode, ..self }
    }
    pub fn owner(self, uid: u64, gid: u64) -> Entry {
        Entry { uid, gid, ..self }
    }
    pub fn mtime(self, mtime: u64) -> Entry {
        Entry { mtime, ..self }
    }
    /// A size that the data does not have.
    pub fn claims_size(self, size: u64) -> Entry {
        Entry { size: Some(size), ..self }
    }
    pub fn pax(mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Entry {
        self.pax.push((key.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }
    pub fn xattr(self, name: &str, value: impl AsRef<[u8]>) -> Entry {
        self.pax(format!("SCHILY.xattr.{name}"), value)
    }
    /// The extended header's bytes, just as they are.
    pub fn raw_pax(self, bytes: impl AsRef<[u8]>) -> Entry {
        Entry { raw_pax: Some(bytes.as_ref().to_vec()), ..self }
    }
}

impl Tar {
    pub fn new() -> Tar {
        Tar::default()
    }
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Tar {
        entries.into_iter().fold(Tar::new(), Tar::with)
    }
    pub fn with(mut self, entry: Entry) -> Tar {
        let mut pax = entry.pax.clone();
        if entry.name.len() > 100 {
            pax.push((b"path".to_vec(), entry.name.clone()));
        }
        if entry.link.len() > 100 {
            pax.push((b"linkpath".to_vec(), entry.link.clone()));
        }
        let records = entry.raw_pax.clone().unwrap_or_else(|| pax.iter().flat_map(record).collect());
        if !records.is_empty() {
            let header = Entry { data: records, ..Entry::new(b'x', "PaxHeaders/x") };
            self.push(&header);
        }
        self.push(&entry);
        self
    }
    /// The archive with its end.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 1024]);
        self.bytes
    }
    /// The archive without its end.
    pub fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    fn push(&mut self, entry: &Entry) {
        let mut header = [0_u8; 512];
        let name = &entry.name[..entry.name.len().min(100)];
        header[..name.len()].copy_from_slice(name);
        number(&mut header[100..108], u64::from(entry.mode));
        number(&mut header[108..116], entry.uid);
        number(&mut header[116..124], entry.gid);
        number(&mut header[124..136], entry.size.unwrap_or(entry.data.len() as u64));
        number(&mut header[136..148], entry.mtime);
        header[148..156].fill(b' ');
        header[156] = entry.kind;
        let link = &entry.link[..entry.link.len().min(100)];
        header[157..157 + link.len()].copy_from_slice(link);
        header[257..265].copy_from_slice(b"ustar\x0000");
        number(&mut header[329..337], u64::from(entry.device.0));
        number(&mut header[337..345], u64::from(entry.device.1));
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(&entry.data);
        let padding = entry.data.len().next_multiple_of(512) - entry.data.len();
        self.bytes.extend(std::iter::repeat_n(0, padding));
    }
}

/// Octal where it fits, else base-256 (GNU).
fn number(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    let octal = format!("{value:0digits$o}");
    if octal.len() == digits {
        field[..digits].copy_from_slice(octal.as_bytes());
        field[digits] = 0;
    } else {
        field.fill(0);
        let at = field.len() - 8;
        field[at..].copy_from_slice(&value.to_be_bytes());
        field[0] |= 0x80;
    }
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record((key, value): &(Vec<u8>, Vec<u8>)) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}
