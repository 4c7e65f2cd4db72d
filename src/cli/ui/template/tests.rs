//! What Docker's client (28.2, Go 1.24) prints for the same templates over the same data, measured with
//! `docker context inspect --format`.

use super::*;

fn data() -> Value {
    let fields = |pairs: Vec<(&str, Value)>| {
        Value::fields(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    };
    let docker = fields(vec![("Host", Value::str("unix:///x.sock")), ("SkipTLSVerify", Value::Bool(false))]);
    fields(vec![
        ("Name", Value::str("default")),
        ("Endpoints", Value::map([("docker".to_owned(), docker)])),
        ("TLSMaterial", Value::map([])),
    ])
}

#[rustfmt::skip]
const MEASURED: &[(&str, Result<&str, &str>)] = &[
    ("{{.Name}}", Ok("default")),
    ("{{ .Name }}", Ok("default")),
    ("a{{.Name}}b", Ok("adefaultb")),
    ("{{- .Name -}}", Ok("default")),
    ("x  {{- .Name -}}  y", Ok("xdefaulty")),
    ("x {{- /* c */ -}} y", Ok("xy")),
    ("{{/* comment */}}z", Ok("z")),
    ("{{.Endpoints}}", Ok("map[docker:{unix:///x.sock false}]")),
    ("{{json .Endpoints}}", Ok(r#"{"docker":{"Host":"unix:///x.sock","SkipTLSVerify":false}}"#)),
    ("{{json .Name}}", Ok(r#""default""#)),
    (r#"{{json "a<b>&c"}}"#, Ok(r#""a<b>&c""#)),
    ("{{.Endpoints.docker.Host}}", Ok("unix:///x.sock")),
    ("{{.Endpoints.nosuch}}", Ok("<no value>")),
    ("{{.Endpoints.nosuch.more}}", Ok("<no value>")),
    (r#"{{(index .Endpoints "docker").Host}}"#, Ok("unix:///x.sock")),
    (r#"{{index .Endpoints "docker"}}"#, Ok("{unix:///x.sock false}")),
    (r#"{{index .Endpoints "nosuch"}}"#, Ok("<no value>")),
    ("{{with .Endpoints.docker}}{{.Host}}{{end}}", Ok("unix:///x.sock")),
    ("{{with .Endpoints.nosuch}}a{{else}}b{{end}}", Ok("b")),
    ("{{with .Endpoints.nosuch}}a{{else with .Name}}{{.}}{{end}}", Ok("default")),
    ("{{with $x := .Name}}{{$x}}{{end}}", Ok("default")),
    ("{{range $k, $v := .Endpoints}}{{$k}}={{$v.Host}};{{end}}", Ok("docker=unix:///x.sock;")),
    ("{{range .Endpoints}}{{.Host}}{{else}}none{{end}}", Ok("unix:///x.sock")),
    ("{{range .TLSMaterial}}x{{else}}none{{end}}", Ok("none")),
    (r#"{{range $i, $w := split .Name "a"}}{{if $i}},{{end}}{{$w}}{{end}}"#, Ok("def,ult")),
    (r#"{{range split "a,b,c,d" ","}}{{if eq . "c"}}{{break}}{{end}}{{.}}{{end}}"#, Ok("ab")),
    (r#"{{range split "a,b,c" ","}}{{if eq . "b"}}{{continue}}{{end}}{{.}}{{end}}"#, Ok("ac")),
    ("{{range 3}}{{.}}{{end}}", Ok("012")),
    ("{{range $i := 3}}{{$i}}{{end}}", Ok("012")),
    ("{{if .Name}}yes{{else}}no{{end}}", Ok("yes")),
    ("{{if not .Name}}yes{{else}}no{{end}}", Ok("no")),
    ("{{if .TLSMaterial}}yes{{else}}no{{end}}", Ok("no")),
    (r#"{{if eq .Name "x"}}a{{else if eq .Name "default"}}b{{else}}c{{end}}"#, Ok("b")),
    ("{{if and .Name .TLSMaterial}}yes{{else}}no{{end}}", Ok("no")),
    ("{{if or .TLSMaterial .Name}}yes{{end}}", Ok("yes")),
    ("{{and 1 0 2}}", Ok("0")),
    (r#"{{or 0 "" "x"}}"#, Ok("x")),
    (r#"{{or 0 ""}}"#, Ok("")),
    ("{{eq 1 1}} {{eq 1 2 3 1}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 1}}", Ok("true true true true true false true")),
    (r#"{{lt "a" "b"}} {{eq "a" "a"}} {{eq true true}} {{lt 1.5 2.5}}"#, Ok("true true true true")),
    (r#"{{eq 1 "a"}}"#, Err(r#"template: :1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison"#)),
    ("{{eq 1 1.0}}", Err(r#"template: :1:2: executing "" at <eq 1 1.0>: error calling eq: incompatible types for comparison"#)),
    ("{{lt true false}}", Err(r#"template: :1:2: executing "" at <lt true false>: error calling lt: invalid type for comparison"#)),
    (r#"{{len .Name}} {{len .Endpoints}} {{len "é"}}"#, Ok("7 1 2")),
    ("{{len 3}}", Err(r#"template: :1:2: executing "" at <len 3>: error calling len: len of type int"#)),
    ("{{slice .Name 1 3}} {{slice .Name 3}} {{slice .Name}}", Ok("ef ault default")),
    ("{{slice .Name 4 2}}", Err(r#"template: :1:2: executing "" at <slice .Name 4 2>: error calling slice: invalid slice index: 4 > 2"#)),
    ("{{slice .Name 1 99}}", Err(r#"template: :1:2: executing "" at <slice .Name 1 99>: error calling slice: index out of range: 99"#)),
    (r#"{{index (split "a,b,c" ",") 1}}"#, Ok("b")),
    (r#"{{index (split "a,b,c" ",") 9}}"#, Err(r#"template: :1:2: executing "" at <index (split "a,b,c" ",") 9>: error calling index: index out of range: 9"#)),
    ("{{index .Name 0}}", Ok("100")),
    (r#"{{index .Name "x"}}"#, Err(r#"template: :1:2: executing "" at <index .Name "x">: error calling index: cannot index slice/array with type string"#)),
    (r#"{{print "a" 1 2 "b" true}}"#, Ok("a1 2btrue")),
    ("{{print 1 2 3}}", Ok("1 2 3")),
    (r#"{{println "a" 1}}"#, Ok("a 1\n")),
    (r#"{{printf "%s|%5s|%-5s|%q" "a" "b" "c" "d"}}"#, Ok(r#"a|    b|c    |"d""#)),
    (r#"{{printf "%d|%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c" 10 11 12 13 14 255 255 8 5 65}}"#, Ok("10|   11|12   |00013|+14|ff|FF|10|101|A")),
    (r#"{{printf "%v %v %v" 1 "a" true}}"#, Ok("1 a true")),
    (r#"{{printf "%t" true}}"#, Ok("true")),
    (r#"{{printf "%f %.2f %6.1f" 1.5 2.345 3.14}}"#, Ok("1.500000 2.35    3.1")),
    (r#"{{printf "%e %g" 1234.5 1234.5}}"#, Ok("1.234500e+03 1234.5")),
    (r#"{{printf "%g %v" 1e21 0.00001}}"#, Ok("1e+21 1e-05")),
    (r#"{{printf "%d" "a"}}"#, Ok("%!d(string=a)")),
    (r#"{{printf "%s" 1}}"#, Ok("%!s(int=1)")),
    (r#"{{printf "%s"}}"#, Ok("%!s(MISSING)")),
    (r#"{{printf "x" 1}}"#, Ok("x%!(EXTRA int=1)")),
    (r#"{{printf "%!"}}"#, Ok("%!!(MISSING)")),
    (r#"{{printf "%"}}"#, Ok("%!(NOVERB)")),
    (r#"{{printf "%%"}}"#, Ok("%")),
    (r#"{{printf "%5.1s|" "abc"}}"#, Ok("    a|")),
    (r#"{{printf "%x" "hi"}}"#, Ok("6869")),
    (r#"{{printf "%v" .Endpoints}}"#, Ok("map[docker:{unix:///x.sock false}]")),
    (r#"{{printf "%T %T %T" 1 "a" 1.5}}"#, Ok("int string float64")),
    (r#"{{printf "%*d" 5 3}}"#, Ok("    3")),
    (r#"{{printf "%q" "a\"b\n"}}"#, Ok(r#""a\"b\n""#)),
    (r#"{{printf "%q" 65}}"#, Ok("'A'")),
    (r#"{{printf "%U" 65}}"#, Ok("U+0041")),
    (r#"{{printf "%s" (split "a,b" ",")}}"#, Ok("[a b]")),
    (r#"{{printf "%08.3f" 3.14159}}"#, Ok("0003.142")),
    (r#"{{printf "%#x %#o %#q" 255 8 "x"}}"#, Ok("0xff 010 `x`")),
    (r#"{{"quoted"}} {{`raw`}} {{'a'}} {{1}} {{-2}} {{1.5}} {{1e3}} {{0x1F}} {{true}}"#, Ok("quoted raw 97 1 -2 1.5 1000 31 true")),
    (r#"{{"a\tb\\\"\x41\u00e9\101"}}"#, Ok("a\tb\\\"AéA")),
    (r#"{{.Name | upper}} {{.Name | printf "%s-%s" "a"}} {{"A" | lower | title}}"#, Ok("DEFAULT a-default A")),
    (r#"{{upper .Name}} {{lower "ABC"}} {{title "a bc d-e"}}"#, Ok("DEFAULT abc A Bc D-E")),
    (r#"{{join (split "a,b" ",") "-"}}"#, Ok("a-b")),
    (r#"{{split "abc" ""}}"#, Ok("[a b c]")),
    (r#"{{split "a,b" ","}}"#, Ok("[a b]")),
    (r#"{{pad "x" 1 2}}| {{pad "" 1 2}}|"#, Ok(" x  | |")),
    (r#"{{truncate "abcdef" 3}} {{truncate "ab" 9}}"#, Ok("abc ab")),
    (r#"{{html "<a href='x'>\"&"}}"#, Ok("&lt;a href=&#39;x&#39;&gt;&#34;&amp;")),
    (r#"{{js "it's <b>\n"}}"#, Ok(r#"it\'s \u003Cb\u003E\u000A"#)),
    (r#"{{urlquery "a b&c=d/é"}}"#, Ok("a+b%26c%3Dd%2F%C3%A9")),
    (r#"{{not true}} {{not 0}} {{not ""}}"#, Ok("false true true")),
    ("{{$x := 1}}{{$x}}{{$x = 2}}{{$x}}", Ok("12")),
    ("{{$x := 1}}{{if true}}{{$x = 5}}{{end}}{{$x}}", Ok("5")),
    ("{{$x := 1}}{{if true}}{{$x := 5}}{{end}}{{$x}}", Ok("1")),
    ("{{$.Name}}", Ok("default")),
    ("{{range .Endpoints}}{{$.Name}}{{end}}", Ok("default")),
    (r#"{{define "t"}}[{{.}}]{{end}}{{template "t" .Name}}{{template "t"}}"#, Ok("[default][<no value>]")),
    (r#"{{block "b" .Name}}({{.}}){{end}}"#, Ok("(default)")),
    (r#"{{template "nosuch"}}"#, Err(r#"template: :1:11: executing "" at <{{template "nosuch"}}>: template "nosuch" not defined"#)),
    (r#"{{(.Name)}} {{(printf "%s" .Name) | upper}}"#, Ok("default DEFAULT")),
    ("{{.Name.Foo}}", Err(r#"template: :1:7: executing "" at <.Name.Foo>: can't evaluate field Foo in type string"#)),
    ("{{.Foo}}", Err(r#"template: :1:2: executing "" at <.Foo>: can't evaluate field Foo in type context.contextWithTLSListing"#)),
    ("{{.Foo.Bar}}", Err(r#"template: :1:6: executing "" at <.Foo.Bar>: can't evaluate field Foo in type context.contextWithTLSListing"#)),
    (r#"{{"a".Foo}}"#, Err(r#"template: :1: unexpected . after term "\"a\"""#)),
    ("{{nosuch}}", Err(r#"template: :1: function "nosuch" not defined"#)),
    ("{{.Name", Err("template: :1: unclosed action")),
    ("{{", Err("template: :1: unclosed action")),
    ("{{}}", Err("template: :1: missing value for command")),
    ("{{end}}", Err("template: :1: unexpected {{end}}")),
    ("{{if}}x{{end}}", Err("template: :1: missing value for if")),
    ("{{if .Name}}", Err("template: :1: unexpected EOF")),
    ("{{else}}", Err("template: :1: unexpected {{else}}")),
    ("{{if .Name}}a{{else}}b{{else}}c{{end}}", Err("template: :1: expected end; found {{else}}")),
    ("{{range}}{{end}}", Err("template: :1: missing value for range")),
    ("{{break}}", Err("template: :1: {{break}} outside {{range}}")),
    ("{{$y}}", Err(r#"template: :1: undefined variable "$y""#)),
    ("{{.Name | 3}}", Err("template: :1: non executable command in pipeline stage 2")),
    ("{{1 2}}", Err(r#"template: :1:2: executing "" at <1>: can't give argument to non-function 1"#)),
    ("{{.Name 2}}", Err(r#"template: :1:2: executing "" at <.Name>: Name has arguments but cannot be invoked as function"#)),
    ("{{(1}}", Err("template: :1: unclosed left paren")),
    ("{{1)}}", Err("template: :1: unexpected right paren")),
    (r#"{{"abc}}"#, Err("template: :1: unterminated quoted string")),
    ("{{`abc}}", Err("template: :1: unterminated raw quoted string")),
    ("{{'ab'}}", Err("template: :1: malformed character constant: 'ab'")),
    ("{{.Name }", Err(r#"template: :1: unexpected "}" in operand"#)),
    ("{{template}}", Err(r#"template: :1: unexpected "}}" in template clause"#)),
    ("{{define}}x{{end}}", Err(r#"template: :1: unexpected "}}" in define clause"#)),
    ("{{nil}}", Err(r#"template: :1:2: executing "" at <nil>: nil is not a command"#)),
    ("{{print nil}}", Ok("<nil>")),
    ("{{eq nil nil}}", Ok("true")),
    ("{{upper}}", Err(r#"template: :1:2: executing "" at <upper>: wrong number of args for upper: want 1 got 0"#)),
    (r#"{{upper "a" "b"}}"#, Err(r#"template: :1:2: executing "" at <upper>: wrong number of args for upper: want 1 got 2"#)),
    ("{{upper 1}}", Err(r#"template: :1:8: executing "" at <1>: expected string; found 1"#)),
    (r#"{{truncate "a"}}"#, Err(r#"template: :1:2: executing "" at <truncate>: wrong number of args for truncate: want 2 got 1"#)),
    (r#"{{join "a" ","}}"#, Err(r#"template: :1:7: executing "" at <"a">: can't handle "a" for arg of type []string"#)),
    ("{{index}}", Err(r#"template: :1:2: executing "" at <index>: wrong number of args for index: want at least 1 got 0"#)),
    ("{{call 1}}", Err(r#"template: :1:2: executing "" at <call 1>: error calling call: non-function 1 of type int"#)),
    ("{{/* x}}", Err("template: :1: unclosed comment")),
    ("{{/* x */ y}}", Err("template: :1: comment ends before closing delimiter")),
    ("{{.Name-}}", Err("template: :1: bad character U+002D '-'")),
    ("{{ . Name }}", Err(r#"template: :1: function "Name" not defined"#)),
    ("{{1a}}", Err(r#"template: :1: bad number syntax: "1a""#)),
    ("{{@}}", Err(r#"template: :1: unexpected "@" in command"#)),
    ("{{.Name:}}", Err("template: :1: expected :=")),
    ("{{$a, $b := 1}}{{$a}}", Err("template: :1: too many declarations in command")),
    ("{{range $a, $b, $c := .Endpoints}}{{end}}", Err("template: :1: too many declarations in range")),
    ("{{with .Name}}{{.}}{{end}}{{.Name}}", Ok("defaultdefault")),
    (r#"{{ range $i, $e := split "x y" " " }}{{ $i }}:{{ $e }} {{ end }}"#, Ok("0:x 1:y ")),
    ("{{if .Name}}{{if .TLSMaterial}}a{{else}}b{{end}}{{end}}", Ok("b")),
    ("{{range .Name}}{{.}}{{end}}", Err(r#"template: :1:8: executing "" at <.Name>: range can't iterate over default"#)),
    ("{{range 1.5}}{{end}}", Err(r#"template: :1:8: executing "" at <1.5>: range can't iterate over 1.5"#)),
    (r#"{{printf "%v" nil}}"#, Ok("<nil>")),
    (r#"{{printf "%s %d" nil nil}}"#, Ok("%!s(<nil>) %!d(<nil>)")),
    (r#"{{ ( ( "a" ) ) }}"#, Ok("a")),
    ("{{if gt (len .Name) 3}}long{{end}}", Ok("long")),
    (r#"{{.Name | len | printf "%03d"}}"#, Ok("007")),
    ("{{and}}", Err(r#"template: :1:2: executing "" at <and>: wrong number of args for and: want at least 1 got 0"#)),
    ("{{not}}", Err(r#"template: :1:2: executing "" at <not>: wrong number of args for not: want 1 got 0"#)),
    ("{{eq 1}}", Err(r#"template: :1:2: executing "" at <eq 1>: error calling eq: missing argument for comparison"#)),
    (r#"{{"a" | printf "%s %s" "b"}}"#, Ok("b a")),
    ("{{range $k, $v := .Endpoints}}{{$k}}{{end}}{{$k}}", Err(r#"template: :1: undefined variable "$k""#)),
    ("{{1_000}} {{0b101}} {{017}} {{+3}}", Ok("1000 5 15 3")),
    (r#"{{"\q"}}"#, Err("template: :1: invalid syntax")),
    (r#"{{"a"|upper}}"#, Ok("A")),
    ("{{.Name|upper|lower}}", Ok("default")),
    ("{{if true}}a{{end}}{{if false}}b{{end}}", Ok("a")),
    ("{{else if}}", Err("template: :1: unexpected {{else}}")),
    ("{{if 1}}{{else if 2}}x{{end}}", Ok("")),
    ("{{print 1.0 2.5 1e20 1e21 0.0001 0.00001}}", Ok("1 2.5 1e+20 1e+21 0.0001 1e-05")),
];

#[test]
fn templates_say_what_docker_says() {
    let unknown = Unknown::Field("context.contextWithTLSListing");
    let mut wrong = Vec::new();
    for (text, want) in MEASURED {
        let got = Template::parse(text).and_then(|template| template.execute(&data(), unknown));
        let got = got.as_deref().map_err(|error| error.0.as_str());
        if got != want.as_ref().copied().map_err(|e| *e) {
            wrong.push(format!("{text}\n  want {want:?}\n  got  {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), MEASURED.len(), wrong.join("\n"));
}

#[test]
fn json_keeps_what_docker_leaves_out_and_prints_nothing_as_go_does() {
    let json = serde_json::json!({
        "Id": "abc",
        "State": { "Status": "running" },
        "Config": { "Labels": { "b": "2", "a": "1" }, "Entrypoint": null, "Volumes": null },
        "HostConfig": { "PidsLimit": null, "CpuShares": 7 },
    });
    let value = Value::from_json(&json);
    for (text, want) in [
        ("{{.Id}} {{.ID}}", Ok("abc abc")),
        ("{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}}", Ok("none")),
        ("{{.Config.Labels.a}} {{.Config.Labels.c}}", Ok("1 <no value>")),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", Ok("a=1 b=2 ")),
        ("{{.Config.Entrypoint}} {{json .Config.Entrypoint}}", Ok("[] null")),
        ("{{.Config.Volumes}} {{json .Config.Volumes}}", Ok("map[] null")),
        ("{{.HostConfig.PidsLimit}} {{.HostConfig.CPUShares}}", Ok("<nil> 7")),
        ("{{json .State}}", Ok("{\"Status\":\"running\"}")),
        (
            "{{.Nosuch}}",
            Err("template: :1:2: executing \"\" at <.Nosuch>: map has no entry for key \"Nosuch\""),
        ),
    ] {
        let got = Template::parse(text).unwrap().execute(&value, Unknown::Key);
        assert_eq!(got.as_deref().map_err(|error| error.0.as_str()), want, "{text}");
    }
}

#[test]
fn headings_are_not_changed_by_the_functions_that_change_text() {
    let headings = Value::fields(vec![("Names".to_owned(), Value::str("NAMES"))]);
    for (text, want) in [
        ("{{.Names}}", "NAMES"),
        ("{{json .Names}}", "NAMES"),
        ("{{lower .Names}}\t{{truncate .Names 2}}", "NAMES\tNAMES"),
        ("{{pad .Names 1 1}}|", " NAMES |"),
    ] {
        assert_eq!(Template::parse(text).unwrap().headings(&headings).unwrap(), want, "{text}");
    }
}

#[test]
fn templates_that_call_themselves_end() {
    let template = Template::parse("{{define \"t\"}}{{template \"t\"}}{{end}}{{template \"t\"}}").unwrap();
    let error = template.execute(&data(), Unknown::Key).unwrap_err();
    assert!(error.0.contains("exceeded maximum template depth"), "{error}");
}

#[test]
fn fields_are_found_where_they_are_named() {
    let template = Template::parse("{{.Size}} {{.Sizes}} {{ .Names }}").unwrap();
    assert!(template.mentions("Size") && template.mentions("Names"));
    assert!(!Template::parse("{{.Sizes}}").unwrap().mentions("Size"));
}

/// Of a `map[string]string`: Go's `index` gives its zero value, a field of it has none.
#[test]
fn a_missing_key_of_a_map_of_strings_is_empty() {
    let labels = |pairs: &[(&str, &str)]| {
        let json: serde_json::Map<_, _> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), serde_json::Value::from(*v))).collect();
        Value::from_json(&serde_json::json!({ "Labels": json, "Ports": { "80/tcp": [] } }))
    };
    for (text, want) in [
        (r#"[{{index .Labels "missing"}}]"#, "[]"),
        (r#"[{{if index .Labels "missing"}}a{{else}}b{{end}}]"#, "[b]"),
        ("[{{.Labels.missing}}]", "[<no value>]"),
        (r#"[{{index .Ports "81/tcp"}}]"#, "[<no value>]"),
    ] {
        let template = Template::parse(text).unwrap();
        for pairs in [&[][..], &[("a", "b")]] {
            assert_eq!(template.execute(&labels(pairs), Unknown::Key).unwrap(), want, "{text} {pairs:?}");
        }
    }
    let template = Template::parse(r#"[{{index .Labels "missing"}}]"#).unwrap();
    let null = Value::from_json(&serde_json::json!({ "Labels": null }));
    assert_eq!(template.execute(&null, Unknown::Key).unwrap(), "[]");
}
