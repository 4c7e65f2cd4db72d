use std::io::Read;

use super::*;
use crate::layer::index::tests::Random;
use crate::layer::{LayerError, index_of};

/// A header as an archiver would write it; fields can be changed before it is sealed.
struct Raw([u8; BLOCK]);

impl Raw {
    fn new(name: &str, flag: u8, size: u64) -> Raw {
        let mut block = [0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        Raw(block)
            .put(100, "0000644\0")
            .put(108, "0001750\0")
            .put(116, "0000062\0")
            .put(156, [flag])
            .size(size)
    }

    fn put(mut self, at: usize, bytes: impl AsRef<[u8]>) -> Raw {
        let bytes = bytes.as_ref();
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn size(self, size: u64) -> Raw {
        self.put(124, format!("{size:011o}\0")).put(136, "00000000012\0")
    }

    fn ustar(self) -> Raw {
        self.put(257, "ustar\x0000")
    }

    fn gnu(self) -> Raw {
        self.put(257, "ustar  \0")
    }

    /// With checksum, and with data filled up to whole blocks.
    fn with(self, data: &[u8]) -> Vec<u8> {
        let mut block = self.put(148, "        ").0;
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut out = block.to_vec();
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }

    fn alone(self) -> Vec<u8> {
        self.with(b"")
    }
}

fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let len = (rest + 1..).find(|len| rest + len.to_string().len() == *len).unwrap();
        body.extend_from_slice(&[format!("{len} {key}=").as_bytes(), value, b"\n"].concat());
    }
    Raw::new("PaxHeader", b'x', body.len() as u64).ustar().with(&body)
}

fn read(archive: &[u8]) -> Result<Vec<(Member, Vec<u8>)>, TarError> {
    let mut reader = TarReader::new(archive);
    let mut members = Vec::new();
    while let Some(member) = reader.next_member()? {
        let mut data = Vec::new();
        reader.data().read_to_end(&mut data).map_err(TarError::Read)?;
        members.push((member, data));
    }
    Ok(members)
}

fn one(archive: &[&[u8]]) -> Member {
    let mut members = read(&archive.concat()).unwrap();
    assert_eq!(members.len(), 1);
    members.remove(0).0
}

fn extents(member: &Member) -> Vec<(u64, u64, u64)> {
    match &member.data {
        Data::Sparse(extents) => extents.iter().map(|e| (e.file_offset, e.tar_offset, e.len)).collect(),
        Data::Plain { .. } => panic!("not sparse"),
    }
}

#[test]
fn old_archives_are_read() {
    let member = one(&[&Raw::new("dir/file", 0, 5).with(b"hello")]);
    assert_eq!((member.kind, member.size, member.uid, member.gid), (MemberKind::File, 5, 1000, 50));
    assert_eq!((member.mode, member.mtime), (0o644, Mtime { sec: 10, nsec: 0 }));
    assert_eq!(member.data, Data::Plain { offset: 512 });
    assert_eq!(one(&[&Raw::new("dir/", 0, 0).alone()]).kind, MemberKind::Directory);
    assert_eq!(one(&[&Raw::new("a", b'7', 0).alone()]).kind, MemberKind::File, "a contiguous file is a file");
    // Prefix only where the magic says that there is one.
    assert_eq!(one(&[&Raw::new("n", b'0', 0).put(345, "pre").alone()]).name, b"n");
    assert_eq!(one(&[&Raw::new("n", b'0', 0).put(345, "pre").gnu().alone()]).name, b"n");
    assert_eq!(one(&[&Raw::new("n", b'0', 0).put(345, "pre/fix").ustar().alone()]).name, b"pre/fix/n");
    // Sums of signed bytes, as some old archivers made them.
    let mut signed = Raw::new("\u{e4}", b'0', 0).alone();
    let sum = u32::from_str_radix(std::str::from_utf8(&signed[148..154]).unwrap(), 8).unwrap() - 512;
    signed[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    assert_eq!(one(&[&signed]).name, "\u{e4}".as_bytes());
}

#[test]
fn links_and_devices_are_read() {
    let link = one(&[&Raw::new("l", b'1', 0).put(157, "target").ustar().alone()]);
    assert_eq!((link.kind, link.target), (MemberKind::HardLink, b"target".to_vec()));
    let device = Raw::new("d", b'3', 0).ustar().put(329, "0000403\0").put(337, "0210560\0");
    assert_eq!(one(&[&device.alone()]).device, (259, 70_000));
    // What has no data has none, whatever its size says: what follows is the next member.
    for flag in *b"123456" {
        let header = Raw::new("a", flag, 1024).put(157, "t").ustar();
        let next = Raw::new("b", b'0', 0).ustar().alone();
        assert_eq!(read(&[header.alone(), next].concat()).unwrap().len(), 2, "type {}", flag as char);
    }
}

#[test]
fn gnu_long_names_are_read() {
    let long = "n".repeat(300);
    let name = Raw::new("././@LongLink", b'L', 301).gnu().with(format!("{long}\0").as_bytes());
    let target = Raw::new("././@LongLink", b'K', 300).gnu().with(long.as_bytes());
    let member = one(&[&name, &target, &Raw::new("short", b'2', 0).put(157, "short").gnu().alone()]);
    assert_eq!((member.name, member.target), (long.clone().into_bytes(), long.into_bytes()));
}

#[test]
fn extended_headers_override_the_header() {
    let name = b"n\xff\n30 path=other".as_slice();
    let header = pax(&[
        ("path", name),
        ("linkpath", b"target"),
        ("uid", b"4294967294"),
        ("gid", b"3000000"),
        ("mtime", b"-1.25"),
        ("size", b"7"),
        ("comment", b"anything"),
        ("SCHILY.xattr.user.x", b"a\nb\0=c"),
        ("SCHILY.xattr.user.empty", b""),
    ]);
    // The fields hold what did not fit.
    let member = Raw::new("n", b'0', 0).ustar().put(108, [0x80, 0, 0, 1, 0, 0, 0, 0]);
    let members =
        read(&[header, member.with(b"1234567"), Raw::new("next", b'0', 0).alone()].concat()).unwrap();
    let (member, data) = &members[0];
    assert_eq!((member.name.as_slice(), member.size, data.as_slice()), (name, 7, &b"1234567"[..]));
    assert_eq!((member.uid, member.gid), (4_294_967_294, 3_000_000));
    assert_eq!(member.mtime, Mtime { sec: -2, nsec: 750_000_000 });
    let xattrs: [(Vec<u8>, Vec<u8>); 2] =
        [(b"user.x".to_vec(), b"a\nb\0=c".to_vec()), (b"user.empty".to_vec(), Vec::new())];
    assert_eq!(member.xattrs, xattrs);
    assert_eq!(members[1].0.name, b"next", "and end with their member");
    assert_eq!(members[1].0.xattrs, []);
}

#[test]
fn global_headers_mean_nothing() {
    let mut global = pax(&[("path", b"everything"), ("size", b"99999")]);
    global[156] = b'g';
    let block: [u8; BLOCK] = global[..BLOCK].try_into().unwrap();
    let global = [Raw(block).alone(), global[BLOCK..].to_vec()].concat();
    assert_eq!(one(&[&global, &Raw::new("a", b'0', 0).ustar().alone()]).name, b"a");
}

#[test]
fn sparse_files_of_all_formats_are_read() {
    // Old GNU, with a block of further pieces.
    let pair = |at: u64, len: u64| format!("{at:011o}\0{len:011o}\0");
    let pieces: String = (0..4).map(|n| pair(n * 10_000, 100)).collect();
    let header = Raw::new("s", b'S', 500).gnu().put(386, pieces).put(482, [1]).put(483, "00000200000\0");
    let mut more = [0; BLOCK];
    more[..24].copy_from_slice(pair(40_000, 100).as_bytes());
    more[24..48].copy_from_slice(pair(65_536, 0).as_bytes());
    let data = [&more[..], &[1; 500]].concat();
    let next = Raw::new("next", b'0', 0).alone();
    let members = read(&[header.with(&data), next.clone()].concat()).unwrap();
    assert_eq!((members[0].0.size, members[0].1.len()), (65_536, 500));
    let expected: Vec<_> = (0..5).map(|n| (n * 10_000, 1024 + n * 100, 100)).collect();
    assert_eq!(extents(&members[0].0), expected);
    assert_eq!(members[1].0.name, b"next");

    // PAX 0.0 and 0.1: the map in the extended header.
    let pair = |at, len| [("GNU.sparse.offset", at), ("GNU.sparse.numbytes", len)];
    let mut records = vec![("GNU.sparse.size", &b"9000"[..]), ("GNU.sparse.numblocks", b"2")];
    records.extend([pair(&b"0"[..], &b"5"[..]), pair(b"8000", b"2")].concat());
    let named = [
        ("GNU.sparse.name", &b"real"[..]),
        ("GNU.sparse.size", b"9000"),
        ("GNU.sparse.map", b"0,5,8000,2,9000,0"),
    ];
    for (records, name) in [(&records[..], &b"s"[..]), (&named[..], b"real")] {
        let header = pax(records);
        let start = header.len() as u64 + 512;
        let member = one(&[&header, &Raw::new("s", b'0', 7).ustar().with(b"1234567")]);
        assert_eq!((member.name.as_slice(), member.size), (name, 9000));
        assert_eq!(extents(&member), [(0, start, 5), (8000, start + 5, 2)]);
    }

    // PAX 1.0: the map before the data.
    let header = pax(&[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"real"),
        ("GNU.sparse.realsize", b"9000"),
    ]);
    let start = header.len() as u64 + 1024;
    let mut data = b"2\n0\n5\n8000\n2\n".to_vec();
    data.resize(512, 0);
    data.extend_from_slice(b"1234567");
    let archive = [header, Raw::new("s", b'0', 519).ustar().with(&data), next].concat();
    let members = read(&archive).unwrap();
    assert_eq!((members[0].0.name.as_slice(), members[0].0.size), (&b"real"[..], 9000));
    assert_eq!(extents(&members[0].0), [(0, start, 5), (8000, start + 5, 2)]);
    assert_eq!((members[0].1.as_slice(), members.len()), (&b"1234567"[..], 2));
}

#[test]
fn sizes_of_8_eib_are_numbers_and_missing_data_is_noticed() {
    let huge = b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff";
    for header in [
        Raw::new("a", b'0', 0).put(124, huge).gnu().alone(),
        [pax(&[("size", b"9223372036854775807")]), Raw::new("a", b'0', 0).alone()].concat(),
    ] {
        let mut reader = TarReader::new(&header[..]);
        assert_eq!(reader.next_member().unwrap().unwrap().size, i64::MAX as u64);
        assert!(matches!(reader.next_member(), Err(TarError::Truncated { .. })));
    }
}

#[test]
fn archives_end_where_they_should() {
    let file = Raw::new("a", b'0', 5).with(b"hello");
    let zeros = [0; BLOCK];
    for good in [
        vec![],
        file.clone(),
        // As some tools leave it: without the last filling.
        file[..517].to_vec(),
        file[..1023].to_vec(),
        [&file[..], &zeros].concat(),
        [&file[..], &zeros, &zeros].concat(),
        [&file[..], &zeros, &zeros, b"anything"].concat(),
    ] {
        assert_eq!(read(&good).unwrap().len(), good.len().min(1), "{} bytes", good.len());
    }
    for cut in [1, 511, 513, 516] {
        let cut_off = read(&file[..cut]).unwrap_err().to_string();
        assert!(cut_off.contains("unexpected EOF") || cut_off.contains("reading"), "{cut}: {cut_off}");
    }
    let again = [&file[..], &zeros, &file].concat();
    assert!(matches!(read(&again), Err(TarError::Invalid { offset: 1536, .. })));
}

#[test]
fn hostile_headers_are_refused() {
    let header = |records: &[(&str, &[u8])]| [pax(records), Raw::new("a", b'0', 0).ustar().alone()].concat();
    let sparse = |map: &[u8]| header(&[("GNU.sparse.map", map), ("GNU.sparse.size", b"100")]);
    let one_zero = |map: &[u8]| {
        let header = pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0")]);
        let mut data = map.to_vec();
        data.resize(512, 0);
        [header, Raw::new("s", b'0', 512).ustar().with(&data)].concat()
    };
    let mut table: Vec<(&str, Vec<u8>)> = vec![
        (
            "checksum",
            Raw::new("a", b'0', 0)
                .alone()
                .into_iter()
                .enumerate()
                .map(|(at, b)| if at == 0 { b'b' } else { b })
                .collect(),
        ),
        ("unknown type", Raw::new("a", b'Z', 0).alone()),
        ("negative size", Raw::new("a", b'0', 0).put(124, [0xff; 12]).alone()),
        (
            "size beyond 64 bits",
            Raw::new("a", b'0', 0).put(124, [0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).alone(),
        ),
        ("negative owner", Raw::new("a", b'0', 0).put(108, [0xff; 8]).alone()),
        ("text as a number", Raw::new("a", b'0', 0).put(108, "root\0\0\0\0").alone()),
        ("negative device", Raw::new("a", b'3', 0).ustar().put(329, [0xff; 8]).alone()),
        ("huge extended header", Raw::new("x", b'x', 1 << 40).ustar().alone()),
        ("huge long name", Raw::new("x", b'L', (1 << 20) + 1).gnu().alone()),
        ("NUL in a path", header(&[("path", b"a\0b")])),
        ("size that is no number", header(&[("size", b"-1")])),
        ("owner beyond 32 bits", header(&[("uid", b"4294967296")])),
        ("long xattr name", header(&[(&format!("SCHILY.xattr.{}", "n".repeat(256)), b"")])),
        ("long xattr", header(&[("SCHILY.xattr.user.a", &[0; 65537])])),
        ("odd sparse map", sparse(b"0,1,2")),
        ("sparse data that is not there", sparse(b"0,1")),
        ("sparse map of no numbers", sparse(b"a,b")),
        ("sparse beyond the size", sparse(b"101,0")),
        ("sparse pairs out of turn", header(&[("GNU.sparse.numbytes", b"1")])),
        ("sparse 1.0 without a map", one_zero(b"")),
        ("sparse 1.0 with a map that has no end", one_zero(b"1000000\n")),
        ("sparse 1.0 with too many pieces", one_zero(b"99999999\n")),
        ("old sparse in a POSIX archive", Raw::new("s", b'S', 0).ustar().alone()),
        ("old sparse with nonsense", Raw::new("s", b'S', 0).gnu().put(386, "nonsense").alone()),
    ];
    let many: Vec<(String, Vec<u8>)> =
        (0..1025).map(|n| (format!("SCHILY.xattr.user.{n}"), vec![])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect();
    table.push(("many xattrs", header(&many)));
    for (what, archive) in table {
        assert!(read(&archive).is_err(), "{what}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let mut members = Vec::new();
    for length in [1, 99, 100, 101, 155, 256, 257, 1000] {
        members.push(Member::new("n".repeat(length), MemberKind::File));
        members
            .push(Member::new(format!("{}/{}", "d".repeat(length), "n".repeat(50)), MemberKind::Directory));
        let target = "t".repeat(length).into_bytes();
        members.push(Member { target: target.clone(), ..Member::new("l", MemberKind::Symlink) });
        members.push(Member { target, ..Member::new("l", MemberKind::HardLink) });
    }
    for (sec, nsec) in [(0, 0), (1 << 33, 0), (5, 1), (-5, 0), (-5, 1), (-1, 999_999_999), (i64::MIN + 1, 5)]
    {
        members.push(Member { mtime: Mtime { sec, nsec }, ..Member::new("time", MemberKind::Fifo) });
    }
    let xattrs = (0..20).map(|n| (b"user.x".repeat(n + 1), b"\n\0=".repeat(n * 7))).collect();
    members.push(Member {
        mode: 0o7777,
        uid: u32::MAX,
        gid: 1 << 21,
        xattrs,
        ..Member::new(b"\xff\n", MemberKind::File)
    });
    members.push(Member { device: (4095, (1 << 20) - 1), ..Member::new("dev", MemberKind::CharDevice) });
    members.push(Member { device: (8, 1), ..Member::new("dev", MemberKind::BlockDevice) });
    let mut writer = TarWriter::new(Vec::new());
    for (size, member) in members.iter_mut().enumerate() {
        member.size = if member.kind == MemberKind::File { size as u64 * 100 } else { 0 };
        writer.append(member, io::repeat(7)).unwrap();
    }
    let archive = writer.finish().unwrap();
    let got = read(&archive).unwrap();
    assert_eq!(got.len(), members.len());
    for ((mut got, data), wrote) in got.into_iter().zip(members) {
        assert_eq!(data, vec![7; wrote.size as usize]);
        if wrote.kind == MemberKind::Directory {
            assert_eq!(got.name.pop(), Some(b'/'));
        }
        assert_eq!(got, Member { data: got.data.clone(), ..wrote });
    }
}

#[test]
fn the_writer_refuses_less_data_than_it_promised() {
    let member = Member { size: 10, ..Member::new("a", MemberKind::File) };
    let error = TarWriter::new(Vec::new()).append(&member, &b"123"[..]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// Archives with a bit of everything.
fn seeds() -> Vec<Vec<u8>> {
    let mut writer = TarWriter::new(Vec::new());
    for (name, kind) in [
        ("d", MemberKind::Directory),
        ("d/f", MemberKind::File),
        ("d/l", MemberKind::HardLink),
        ("s", MemberKind::Symlink),
        ("p/x", MemberKind::Fifo),
        (".wh.a", MemberKind::File),
        ("d/.wh..wh..opq", MemberKind::File),
    ] {
        let xattrs = vec![(b"user.a".to_vec(), b"b\n".to_vec())];
        let mtime = Mtime { sec: 1, nsec: 5 };
        let member = Member { target: b"d/f".to_vec(), xattrs, mtime, ..Member::new(name, kind) };
        writer.append_bytes(member, b"").unwrap();
    }
    let sparse = pax(&[("GNU.sparse.map", b"0,5,8000,2"), ("GNU.sparse.size", b"9000")]);
    let mut map = b"1\n0\n5\n".to_vec();
    map.resize(517, b'x');
    vec![
        writer.finish().unwrap(),
        [sparse, Raw::new("s", b'0', 7).ustar().with(b"1234567")].concat(),
        [
            pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"99")]),
            Raw::new("s", b'0', 517).ustar().with(&map),
        ]
        .concat(),
        [
            Raw::new("x", b'L', 5).gnu().with(b"long\0"),
            Raw::new("s", b'S', 10)
                .gnu()
                .put(386, "00000000000\x0000000000012\0")
                .put(483, "00000000100\0")
                .with(b"1234567890"),
        ]
        .concat(),
    ]
}

/// Makes the checksum of every block that could be a header right, so that damage gets past it.
fn reseal(archive: &mut [u8]) {
    for block in archive.as_chunks_mut::<BLOCK>().0 {
        if block[148..156].iter().any(|byte| *byte != 0) {
            let sealed = Raw(*block).alone();
            block.copy_from_slice(&sealed);
        }
    }
}

#[test]
fn no_damage_makes_the_reader_panic() {
    let mut random = Random(2);
    for seed in seeds() {
        assert!(index_of(&seed).is_ok());
        for len in 0..seed.len() {
            let _ = index_of(&seed[..len]);
        }
        let mut refused = 0;
        for _ in 0..1_500 {
            let mut archive = seed.clone();
            for _ in 0..=random.below(6) {
                let at = random.below(archive.len());
                archive[at] = [0, 0xff, 0x80, b'9', b'\n', random.next() as u8][random.below(6)];
            }
            if random.below(4) > 0 {
                reseal(&mut archive);
            }
            refused +=
                usize::from(matches!(index_of(&archive), Err(LayerError::Tar(_) | LayerError::Member(_))));
        }
        assert!(
            (1..1_500).contains(&refused),
            "damage must get past the checksum, and be noticed: {refused}"
        );
    }
}
