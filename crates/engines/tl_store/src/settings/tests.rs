use super::*;

#[track_caller]
fn check(text: &str, expect: &[&str]) -> Settings {
    let (settings, problems) = parse(text, Path::new("/etc/touchline.toml"));
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), expect.len(), "{told:#?}");
    for (told, expect) in told.iter().zip(expect) {
        assert!(told.contains(expect), "{told} lacks {expect}");
        assert!(!told.contains('\n'));
    }
    settings
}

#[test]
fn the_annotated_file_equals_the_code() {
    assert_eq!(check(ANNOTATED, &[]), Settings::default());
    assert_eq!(check("", &[]), Settings::default());
}

#[test]
fn the_annotated_file_names_every_key_with_unit_range_and_default() {
    let mut reader = Reader::new(ANNOTATED, Path::new("touchline.toml"));
    reader.read(read_all);
    let mut section = String::new();
    let mut comment = String::new();
    let mut named = std::collections::BTreeSet::new();
    for line in ANNOTATED.lines() {
        let bare = line.trim_start_matches("# ");
        if let Some(name) = bare.strip_prefix('[').map(|name| name.trim_matches(['[', ']'])) {
            section = name.to_owned();
            comment.clear();
        } else if let Some((key, _)) = bare.split_once(" = ").filter(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')) {
            for word in ["Unit:", "Range:", "Default:"] {
                assert!(comment.contains(word), "{section}.{key} lacks {word} in its comment");
            }
            named.insert(format!("{section}.{key}"));
            comment.clear();
        } else {
            comment.push_str(line);
        }
    }
    assert_eq!(named, reader.known);
}

#[test]
fn a_bad_field_costs_that_field() {
    let settings = check(
        "[programme]\nwidth = 1921\nfps = 29\nbitrate_kbps = \"much\"\nheight = 1080\n[sound]\naac_bitrate_kbps = 9e9\n",
        &[
            "2: programme.width: 1921 is odd",
            "3: programme.fps: 29 is not one of 25, 30, 50, 60; using 30",
            "4: programme.bitrate_kbps: \"much\" is not a whole",
            "7: sound.aac_bitrate_kbps",
        ],
    );
    assert_eq!(settings.programme.size, Size::new(1_920, 1_080));
    assert_eq!(settings.programme.bitrate_bps, 3_000_000);
}

#[test]
fn a_line_that_cannot_be_understood_costs_that_line() {
    let settings = check("[programme]\nfps = = 50\nheight = 1080\n[server]\nhttps_port = 8443\n", &["2: not understood"]);
    assert_eq!((settings.programme.size.height, settings.server.https_port), (1_080, 8_443));
}

#[test]
fn unknown_names_are_told() {
    check("[show]\nsport = \"fencing\"\ncamera = 3\n[sonud]\n", &["3: show.camera: there is no such key", "4: sonud: there is no such section"]);
    check("programme = 3\n", &["1: programme: this is a section"]);
    check("[streaming]\nstorage = 3\n", &["2: streaming.storage: this is a section"]);
    check("[destination]\nname = \"a\"\n", &["1: destination: there may be several"]);
}

#[test]
fn ranges_hold_at_both_ends() {
    let settings = check(
        "[streaming]\nsegment_duration = 4\npart_ms = 500\nwindow_segments = 6\n[streaming.storage]\nretention_days = 1\n[show]\nbudget_min_ms = 300\n",
        &[],
    );
    assert_eq!((settings.streaming.segment_duration, settings.streaming.retention_days), (MediaTime::from_secs(4), 1));
    check("[streaming]\nsegment_duration = nan\npart_ms = 99\nwindow_segments = -1\n", &["segment_duration", "part_ms", "window_segments"]);
    let settings = check("[show]\nbudget_min_ms = 300\nbudget_max_ms = 100\n", &["3: show.budget_max_ms: it lies below"]);
    assert_eq!(settings.show.budget_max, MediaTime::from_millis(300));
    check("[server]\nnames = [\"studio.club.example\", \"bad name\"]\naddress = \"::1\"\n", &["2: server.names"]);
}

#[test]
fn keys_of_destinations_stay_out_of_settings_and_problems() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), "rtmps://a.example/live2/abcd-secret\n").expect("written");
    let path = folder.path().join("touchline.toml");
    let text = "[[destination]]\nname = \"club\"\nkind = \"rtmp\"\nurl_file = \"key\"\n[[destination]]\nname = \"here\"\nurl = \"rtmp://127.0.0.1:1935/live/demo\"\n\
        [[destination]]\nname = \"open\"\nurl = \"rtmp://a.example/live2/abcd-secret\"\n[[destination]]\nname = \"club\"\nurl = \"@key\"\n[[destination]]\nurl = \"rtmp://localhost/a/b\"\n";
    std::fs::write(&path, text).expect("written");
    let (settings, problems) = load(&path).expect("read");
    let names: Vec<&str> = settings.destinations.iter().map(|destination| destination.name.as_str()).collect();
    assert_eq!(names, ["club", "here"]);
    assert_eq!(settings.destinations.first().map(|destination| destination.url.expose()), Some("rtmps://a.example/live2/abcd-secret"));
    assert_eq!(settings.destinations.first().map(Destination::shown_url).as_deref(), Some("rtmps://a.example/live2/***"));
    let told = format!("{problems:?} {settings:?}");
    assert!(!told.contains("abcd-secret"), "{told}");
    for expect in ["does not stand here in plain text", "another destination", "needs a name"] {
        assert!(told.contains(expect), "{told} lacks {expect}");
    }
    assert_eq!(told.contains("chmod 600"), cfg!(unix));
}

#[test]
fn a_destination_on_the_command_line_is_a_file_or_on_this_machine() {
    let url = |argument: &str| Destination::from_argument("a", argument).map(|destination| destination.url.expose().to_owned());
    assert_eq!(url("rtmp://127.0.0.1:19350/live/demo").expect("taken"), "rtmp://127.0.0.1:19350/live/demo");
    for here in ["rtmps://localhost/live/s3cret", "srt://127.0.0.1:9000?passphrase=s3cret-s3cret", "srt://[::1]:9000?streamid=x", "SRT://a.example:9000"] {
        assert_eq!(url(here).expect(here), here);
    }
    for bad in [
        "srt://a.example:9000?passphrase=s3cret-s3cret",
        "srt://a.example:9000?streamid=s3cret",
        "srt://",
        "rtmp://a.example/live/s3cret",
        "rtmp://127.0.0.1.evil.example/a/b",
        "rtmp://127.0.0.1@evil.example/a/b",
        "http://127.0.0.1/a/b",
        "rtmp://127.0.0.1",
        "rtmp:///a/b",
        "@/no/such/file",
        "",
    ] {
        let told = url(bad).expect_err(bad).to_string();
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn a_destination_is_a_preset_with_its_key_or_an_address_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), "abcd-secret\n").expect("written");
    let text = "[[destination]]\nname = \"tube\"\npreset = \"youtube\"\nkey_file = \"key\"\n[[destination]]\nname = \"own\"\nurl = \"rtmps://a.example/live\"\nkey_file = \"key\"\n\
        [[destination]]\nname = \"srt\"\nkind = \"srt\"\nurl = \"srt://a.example:9000\"\nkey_file = \"key\"\n[[destination]]\nname = \"no\"\npreset = \"vhs\"\n\
        [[destination]]\nname = \"open\"\nkind = \"srt\"\nurl = \"srt://a.example:9000?passphrase=abcd-secret\"\n[[destination]]\nname = \"none\"\n";
    let (settings, problems) = parse(text, &folder.path().join("touchline.toml"));
    let urls: Vec<&str> = settings.destinations.iter().map(|destination| destination.url.expose()).collect();
    assert_eq!(urls, ["", "rtmps://a.example/live/abcd-secret", "srt://a.example:9000?passphrase=abcd-secret"]);
    assert_eq!(settings.destinations.first().and_then(|destination| destination.setup.preset.as_deref()), Some("youtube"));
    let told = format!("{problems:?} {settings:?}");
    for expect in ["no such preset", "plain text", "neither url nor url_file"] {
        assert!(told.contains(expect), "{told} lacks {expect}");
    }
    assert!(!told.contains("abcd-secret"), "{told}");
}

#[test]
fn cameras_are_read_one_by_one_and_a_bad_one_costs_its_source() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("pass"), "pa55\n").expect("written");
    let text = "[[camera]]\nslot = 1\nname = \"goal\"\nposition = \"goal_line_1\"\nprotocol = \"rtsp\"\nurl = \"rtsp://10.0.0.9/x\"\nuser = \"u\"\npassword_file = \"pass\"\ntrim_ms = -20\n\
        [[camera]]\nslot = \"commentary\"\nprotocol = \"device\"\nmicrophone = \"default\"\n[[camera]]\nslot = 2\nprotocol = \"rtsp\"\nurl = \"rtsp://u:pa55@10.0.0.9/\"\npriority = 2\n\
        [[camera]]\nslot = 3\nprotocol = \"file\"\npath = \"game.mp4\"\nloop = false\ntrim_ms = 99999\n[[camera]]\nslot = 40\n[[camera]]\nslot = 1\n";
    let (settings, problems) = parse(text, &folder.path().join("touchline.toml"));
    let seen: Vec<(SlotId, &str)> = settings.cameras.iter().map(|camera| (camera.slot, camera.source.protocol.as_str())).collect();
    assert_eq!(seen, [(SlotId(1), "rtsp"), (SlotId::COMMENTARY, "device"), (SlotId(2), "webrtc"), (SlotId(3), "file")]);
    let first = settings.cameras.first().expect("a camera");
    assert_eq!(first.source.full_url().expect("an address").expose(), "rtsp://u:pa55@10.0.0.9/x");
    assert_eq!((first.trim_ms, settings.cameras.get(2).and_then(|camera| camera.priority)), (Some(-20), Some(2)));
    let file = settings.cameras.get(3).expect("a camera");
    assert!(file.source.path.as_ref().is_some_and(|path| path.is_absolute()) && !file.looped && file.trim_ms.is_none());
    let told = format!("{problems:?} {settings:?}");
    for expect in ["plain text", "camera.trim_ms", "needs a slot", "another camera 1"] {
        assert!(told.contains(expect), "{told} lacks {expect}");
    }
    assert!(!told.contains("pa55"), "{told}");
}

#[test]
fn the_low_mark_lies_below_the_high_one() {
    let settings = check(
        "[overload]\ncpu_high = 60\ncpu_low = 80\n[sound]\nloudness_lufs = -99\nducking_db = 8.5\n[viewers]\nwhep_max = 999\n",
        &["3: overload.cpu_low: it does not lie below", "5: sound.loudness_lufs", "8: viewers.whep_max"],
    );
    assert_eq!((settings.overload.cpu_high, settings.overload.cpu_low, settings.sound.ducking_db), (0.60, 0.55, 8.5));
}

#[test]
fn any_text_gives_settings_within_their_ranges() {
    bolero::check!().with_iterations(2_000).with_type::<String>().for_each(|text| {
        let (settings, problems) = parse(text, Path::new("t.toml"));
        assert!(problems.len() <= 64);
        assert!(settings.programme.size.width >= 320 && settings.show.cameras >= 1);
    });
    // Texts near to a real file reach deeper than random ones.
    bolero::check!().with_iterations(500).with_type::<(usize, usize, u8)>().for_each(|(from, len, byte)| {
        let mut bytes = ANNOTATED.as_bytes().to_vec();
        let at = from % bytes.len();
        let end = (at + len % 40).min(bytes.len());
        bytes.splice(at..end, [*byte]);
        parse(&String::from_utf8_lossy(&bytes), Path::new("t.toml"));
    });
}
