use super::*;

fn applied(changes: &[&str]) -> Result<RunConfig, String> {
    let mut config = RunConfig::default();
    let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
    apply(&changes, &mut config).map(|()| config).map_err(|error| error.to_string())
}

/// The config as JSON, without what is empty.
fn json_of(changes: &[&str]) -> Value {
    let config = serde_json::to_value(applied(changes).unwrap()).unwrap();
    let set = config.as_object().unwrap().iter().filter(|(_, v)| !v.is_null() && *v != "");
    Value::Object(set.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[test]
fn instructions_as_docker_reads_them() {
    for (changes, expected) in [
        (&[r#"CMD ["sh", "-c", "echo $X"]"#][..], json!({"Cmd": ["sh", "-c", "echo $X"]})),
        (&["CMD echo \"$X\"  'y'"], json!({"Cmd": ["/bin/sh", "-c", "echo \"$X\"  'y'"]})),
        (&["CMD ['not', 'json']"], json!({"Cmd": ["/bin/sh", "-c", "['not', 'json']"]})),
        (&["cmd []"], json!({"Cmd": []})),
        (&["CMD"], json!({"Cmd": []})),
        (&["ENTRYPOINT top -b"], json!({"Entrypoint": ["/bin/sh", "-c", "top -b"]})),
        (&["ENTRYPOINT []"], json!({})),
        (&["CMD a", "ENTRYPOINT [\"e\"]"], json!({"Cmd": ["/bin/sh", "-c", "a"], "Entrypoint": ["e"]})),
        (&["ENV A=b"], json!({"Env": ["A=b"]})),
        (&[r#"ENV A="b c" D='$e' F=g\ h I=j"k"l"#], json!({"Env": ["A=b c", "D=$e", "F=g h", "I=jkl"]})),
        (&["ENV A b  c = d"], json!({"Env": ["A=b  c = d"]})),
        (&["ENV A=1", "ENV A=$A:2 B=$A", "ENV A=3"], json!({"Env": ["A=3", "B=1"]})),
        (&["ENV A=1", "ENV B=${A:-x}${N:-y}${N-z}${A:+w}${N:+v}"], json!({"Env": ["A=1", "B=1yzw"]})),
        (&[r#"ENV A="a\"b\$c\d" E=\$f G=$"#], json!({"Env": [r#"A=a"b$c\d"#, "E=$f", "G=$"]})),
        (&["ENV A="], json!({"Env": ["A="]})),
        (
            &["LABEL a=b c=\"d e\" f.g/h=", "LABEL a=x"],
            json!({"Labels": {"a": "x", "c": "d e", "f.g/h": ""}}),
        ),
        (&["LABEL a b c"], json!({"Labels": {"a": "b c"}})),
        (
            &["EXPOSE 80 53/UDP 7000-7002", "EXPOSE 80/tcp 8080:81"],
            json!({"ExposedPorts": {"53/udp": {}, "7000/tcp": {}, "7001/tcp": {}, "7002/tcp": {}, "80/tcp": {}, "81/tcp": {}}}),
        ),
        (
            &["ENV P='1 2'", "EXPOSE $P"],
            json!({"Env": ["P=1 2"], "ExposedPorts": {"1/tcp": {}, "2/tcp": {}}}),
        ),
        (&["VOLUME /a /b", r#"VOLUME ["/c d"]"#], json!({"Volumes": {"/a": {}, "/b": {}, "/c d": {}}})),
        (&["USER app:users"], json!({"User": "app:users"})),
        (&["WORKDIR /a/", "WORKDIR b//c/./..", "WORKDIR ../.."], json!({"WorkingDir": "/"})),
        (&["WORKDIR a"], json!({"WorkingDir": "/a"})),
        (&["STOPSIGNAL SIGRTMIN+3"], json!({"StopSignal": "SIGRTMIN+3"})),
        (&["ONBUILD run x", "ONBUILD ADD . /"], json!({"OnBuild": ["run x", "ADD . /"]})),
        (&["HEALTHCHECK NONE"], json!({"Healthcheck": {"Test": ["NONE"]}})),
        (
            &["HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 --start-period=0s CMD curl -f x"],
            json!({"Healthcheck": {"Test": ["CMD-SHELL", "curl -f x"], "Interval": 90_000_000_000_u64,
                   "Timeout": 500_000_000, "Retries": 3}}),
        ),
        (&["HEALTHCHECK CMD [\"true\"]"], json!({"Healthcheck": {"Test": ["CMD", "true"]}})),
        (
            &["# a comment\n\nENV A=b \\\n  # inside\n  C=d\nUSER x"],
            json!({"Env": ["A=b", "C=d"], "User": "x"}),
        ),
        (&[""], json!({})),
    ] {
        assert_eq!(json_of(changes), expected, "{changes:?}");
    }
}

#[test]
fn an_entrypoint_takes_the_lower_images_arguments_away() {
    let mut config = RunConfig { cmd: Some(vec!["old".to_owned()]), ..RunConfig::default() };
    apply(&["ENTRYPOINT [\"e\"]".to_owned()], &mut config).unwrap();
    assert_eq!(config.cmd, None);
}

#[test]
fn the_images_own_shell_runs_the_shell_form() {
    let mut config =
        RunConfig { shell: Some(vec!["/bin/bash".into(), "-lc".into()]), ..RunConfig::default() };
    apply(&["CMD x y".to_owned()], &mut config).unwrap();
    assert_eq!(config.cmd.unwrap(), ["/bin/bash", "-lc", "x y"]);
}

#[test]
fn what_is_wrong_is_refused_in_dockers_words() {
    for (change, message) in [
        ("NOSUCH x", "NOSUCH is not a valid change command"),
        ("RUN x", "RUN is not a valid change command"),
        ("ENV", "ENV requires at least one argument"),
        ("ENV A", "ENV must have two arguments"),
        ("ENV =b", "ENV names can not be blank"),
        ("ENV A=b c", "Syntax error - can't find = in \"c\". Must be of the form: name=value"),
        ("ENV A=\"b", "unexpected end of statement while looking for matching \""),
        ("ENV A=${", "failed to process \"${\": bad substitution"),
        ("ENV A=${B", "failed to process \"${B\": bad substitution"),
        ("ENV A=${B:?none}", "failed to process \"${B:?none}\": B: none"),
        ("ENTRYPOINT", "ENTRYPOINT requires at least one argument"),
        ("USER", "USER requires exactly one argument"),
        ("EXPOSE x", "invalid containerPort: x"),
        ("EXPOSE 65536", "invalid containerPort: 65536"),
        ("EXPOSE 9-8", "invalid containerPort: 9-8"),
        ("EXPOSE +9", "invalid containerPort: +9"),
        ("EXPOSE 80/icmp", "invalid proto: icmp"),
        ("VOLUME []", "VOLUME requires at least one argument"),
        ("VOLUME [\" \"]", "VOLUME specified can not be an empty string"),
        ("STOPSIGNAL SIGNO", "invalid signal: SIGNO"),
        ("ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD from x", "FROM isn't allowed as an ONBUILD trigger"),
        ("HEALTHCHECK x", "Unknown type \"x\" in HEALTHCHECK (try CMD)"),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK --interval=1x CMD y", "time: invalid duration \"1x\""),
        ("HEALTHCHECK --timeout=1us CMD y", "--timeout cannot be less than 1ms"),
        ("HEALTHCHECK --nosuch=1 CMD y", "Unknown flag: nosuch"),
    ] {
        assert_eq!(applied(&[change]).unwrap_err(), message, "{change}");
    }
}

#[test]
fn durations_as_go_writes_them() {
    for (text, nanoseconds) in [
        ("0", Some(0)),
        ("1h2m3.5s", Some(3_723_500_000_000)),
        ("100ms", Some(100_000_000)),
        ("5", None),
        ("s", None),
        ("1d", None),
        ("", None),
        (".s", None),
        ("99999999999h", None),
    ] {
        assert_eq!(go_duration(text).map(|d| d.as_nanos()), nanoseconds, "{text}");
    }
}
