//! A studio that cannot start says why at once.

use tl_studio::{Config, Studio};

#[test]
fn an_encoder_that_does_not_exist_is_an_error_and_not_a_hang() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config { data_dir: folder.path().to_path_buf(), encoder: Some("nonsense".into()), software_gpu: true, ..Config::default() };
    let Err(error) = Studio::start(config) else { panic!("it started") };
    assert!(error.to_string().contains("nonsense"), "{error}");
}

#[test]
fn a_data_folder_that_cannot_be_made_is_named() {
    let config = Config { data_dir: "/proc/nowhere".into(), software_gpu: true, ..Config::default() };
    let Err(error) = Studio::start(config) else { panic!("it started") };
    assert!(error.to_string().contains("/proc/nowhere"), "{error}");
}
