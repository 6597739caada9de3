//! What was recorded is called saved only when it was read back, and can be deleted when nobody writes it.

use serde_json::{Value, json};
use tl_rehearsal::Faults;
use tl_tests::{Phones, Stage, alone, quiet_config, until};

#[test]
fn recordings_are_listed_checked_and_deleted() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let phones = stage.phones(1, Faults::none(), false)?;
    let owner = stage.owner()?;
    let (status, answer) = owner.command("too early", json!({ "type": "verify_recording", "id": "cam1" }))?;
    assert_eq!(status, 409, "{answer}");
    let (status, _) = owner.command("no such", json!({ "type": "delete_recording", "id": "../../etc" }))?;
    assert_eq!(status, 404);
    let frames = stage.studio.snapshot().output.frames;
    until("some seconds are recorded", 20.0, || stage.studio.snapshot().output.frames > frames + 120)?;
    phones.finish()?;
    let session = stage.studio.session_id();
    let data = stage.close()?;

    // The next session sees those of the one before, and each was read back before it was called saved.
    let mut config = quiet_config(data.path());
    config.resume = false;
    let studio = tl_studio::Studio::start(config)?;
    let links = studio.links().clone();
    let owner = tl_tests::Client::new(&links.base, &std::fs::read_to_string(&links.certificate)?, &links.owner_token)?;
    let listed = |name: &str| -> anyhow::Result<Option<Value>> {
        let all: Value = serde_json::from_str(&owner.text("/api/v1/recordings")?)?;
        let sessions = all["sessions"].as_array().cloned().unwrap_or_default();
        let recordings =
            sessions.iter().filter(|known| known["session"] == session.as_str()).flat_map(|known| known["recordings"].as_array().cloned().unwrap_or_default());
        Ok(recordings.into_iter().find(|recording| recording["id"].as_str().is_some_and(|id| id.ends_with(name))))
    };
    let camera = listed("/cam1")?.expect("the camera's recording is listed");
    assert_eq!(camera["verified"], "saved", "{camera}");
    let tracks = camera["tracks"].to_string();
    assert!(tracks.contains("video") && tracks.matches("sound").count() == 2, "own microphone and programme sound: {tracks}");
    let id = camera["id"].as_str().expect("an id").to_owned();

    // A file that was damaged since is found out.
    let path = std::path::PathBuf::from(camera["path"].as_str().expect("a path"));
    let mut bytes = std::fs::read(&path)?;
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    std::fs::write(&path, bytes)?;
    let (status, answer) = owner.command("check", json!({ "type": "verify_recording", "id": id }))?;
    assert_eq!(status, 200, "{answer}");
    until("it is found damaged", 20.0, || listed("/cam1").is_ok_and(|found| found.is_some_and(|found| found["verified"] == "damaged")))?;
    let (status, answer) = owner.command("mend", json!({ "type": "repair_recording", "id": id }))?;
    assert_eq!(status, 200, "{answer}");
    until("it was mended", 20.0, || owner.text("/api/v1/sessions/current/logs").is_ok_and(|logs| logs.contains("repaired")))?;
    let (status, _) = owner.command("check again", json!({ "type": "verify_recording", "id": id }))?;
    assert_eq!(status, 200);
    until("what is left is saved", 20.0, || listed("/cam1").is_ok_and(|found| found.is_some_and(|found| found["verified"] == "saved")))?;

    let (status, answer) = owner.command("delete", json!({ "type": "delete_recording", "id": id }))?;
    assert_eq!(status, 200, "{answer}");
    assert!(!path.exists() && listed("/cam1")?.is_none(), "it is gone");
    let programme = listed("/programme")?.expect("the programme's recording is listed");
    let name = programme["path"].as_str().and_then(|path| path.rsplit('/').next()).expect("a name").to_owned();
    let (status, body) = owner.get(&format!("/api/v1/sessions/{session}/recordings/{name}"))?;
    assert!(status == 200 && body.len() > 10_000, "it can be fetched: {status}");
    let sessions: Value = serde_json::from_str(&owner.text("/api/v1/sessions")?)?;
    let content = sessions.to_string();
    assert!(content.contains("\"content\":\""), "the finished session has a content id: {content}");
    let problems = studio.stop();
    assert!(problems.is_empty(), "{problems:?}");
    Ok(())
}

#[test]
fn a_lost_cameras_recording_is_checked_and_deleted_while_the_show_runs() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let owner = stage.owner()?;
    let recording = |id: &str| stage.studio.snapshot().recordings.iter().find(|recording| recording.id == id).cloned();
    let phones = stage.phones(1, Faults::none(), false)?;
    let frames = stage.studio.snapshot().output.frames;
    until("some seconds are recorded", 20.0, || stage.studio.snapshot().output.frames > frames + 120)?;
    let (status, answer) = owner.command("too early", json!({ "type": "delete_recording", "id": "cam1" }))?;
    assert!(status == 409 && answer.to_string().contains("Camera 1 is being recorded"), "{status} {answer}");
    phones.finish()?;

    until("its recording is whole", 20.0, || recording("cam1").is_some_and(|recording| !recording.writing && recording.seconds > 3.0))?;
    let (status, answer) = owner.command("check", json!({ "type": "verify_recording", "id": "cam1" }))?;
    assert_eq!(status, 200, "{answer}");
    until("it is saved", 30.0, || recording("cam1").is_some_and(|recording| recording.verified == "saved"))?;
    let (status, answer) = owner.command("mend", json!({ "type": "repair_recording", "id": "cam1" }))?;
    assert_eq!(status, 200, "{answer}");
    until("there was nothing to mend", 20.0, || owner.text("/api/v1/sessions/current/logs").is_ok_and(|logs| logs.contains("0 bytes of an unfinished")))?;
    let (status, answer) = owner.command("programme", json!({ "type": "delete_recording", "id": "programme" }))?;
    assert!(status == 409 && answer.to_string().contains("The programme is being recorded"), "{status} {answer}");

    let files = recording("cam1").expect("it is listed").parts;
    let (status, answer) = owner.command("delete", json!({ "type": "delete_recording", "id": "cam1" }))?;
    assert_eq!(status, 200, "{answer}");
    assert!(!files.is_empty() && files.iter().all(|file| !std::path::Path::new(file).exists()), "{files:?}");

    // The camera that comes back is recorded anew, and what was deleted stays away.
    let phones = stage.phones(1, Faults::none(), false)?;
    until("it is recorded again", 20.0, || recording("cam1").is_some_and(|recording| recording.writing && recording.verified == "no"))?;
    phones.finish()?;
    until("that is whole too", 20.0, || recording("cam1").is_some_and(|recording| !recording.writing))?;
    let parts = recording("cam1").expect("it is listed").parts;
    assert!(parts.iter().all(|part| !files.contains(part)), "{parts:?}");
    let mut told = Vec::new();
    let problems = stage.studio.stop_with(|ending| told.push(ending));
    assert!(problems.is_empty(), "{problems:?}");
    let last = Some(&tl_studio::Ending::Checked { done: 2, total: 2, share: 0.0 });
    assert_eq!(told.last(), last, "the end says how far it is: {told:?}");
    let read_on = |ending: &tl_studio::Ending| matches!(ending, tl_studio::Ending::Checked { share, .. } if *share > 0.0);
    assert!(told.iter().any(read_on), "within a recording too: {told:?}");
    assert!(files.iter().all(|file| !std::path::Path::new(file).exists()));
    Ok(())
}

#[test]
fn an_ended_session_that_was_cut_off_is_finished_by_the_next_start() -> anyhow::Result<()> {
    let _alone = alone();
    let stage = Stage::open(|_| {})?;
    let phones = Phones::start(stage.studio.links(), stage.truth(), 1, Faults::none(), false)?;
    until("some seconds are recorded", 90.0, || stage.studio.snapshot().output.frames > 240)?;
    phones.finish()?;
    let (status, answer) = stage.owner()?.command("end", json!({ "type": "end_session" }))?;
    assert_eq!(status, 200, "{answer}");
    let (session, data) = (stage.studio.session_id(), stage.folder().to_path_buf());
    // Gone without its end: nothing was joined, read back, or given an id.
    drop(stage.studio);

    let studio = tl_studio::Studio::start(quiet_config(&data))?;
    assert_ne!(studio.session_id(), session, "a new session begins");
    let links = studio.links().clone();
    let owner = tl_tests::Client::new(&links.base, &std::fs::read_to_string(&links.certificate)?, &links.owner_token)?;
    let sessions: Value = serde_json::from_str(&owner.text("/api/v1/sessions")?)?;
    let all = sessions.as_array().or_else(|| sessions["sessions"].as_array()).cloned().unwrap_or_default();
    let before = all.into_iter().find(|known| known["id"] == session.as_str() || known["session"] == session.as_str()).expect("it is listed");
    assert_eq!(before["state"], "Stored", "{before}");
    assert!(before["content"].is_string(), "it has a content id: {before}");
    let verified = || -> anyhow::Result<Vec<String>> {
        let all: Value = serde_json::from_str(&owner.text("/api/v1/recordings")?)?;
        let sessions = all["sessions"].as_array().cloned().unwrap_or_default();
        let recordings = sessions.iter().filter(|known| known["session"] == session.as_str()).filter_map(|known| known["recordings"].as_array());
        Ok(recordings.flatten().filter_map(|recording| recording["verified"].as_str().map(str::to_owned)).collect())
    };
    until("its recordings were read back", 60.0, || verified().is_ok_and(|all| all == ["saved", "saved"]))?;
    let problems = studio.stop();
    assert!(problems.is_empty(), "{problems:?}");
    Ok(())
}
