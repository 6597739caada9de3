//! Every shader is named after the file that runs it, and is valid without any device.

use std::path::Path;

use tl_gpu::wgpu::naga::{front::wgsl, valid};

#[test]
fn every_shader_is_valid_and_belongs_to_a_file() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = room.join("../../../shaders");
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder of shaders") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "wgsl") {
            continue;
        }
        count += 1;
        let source = std::fs::read_to_string(&path).expect("a shader");
        let module = wgsl::parse_str(&source).unwrap_or_else(|error| panic!("{}", error.emit_to_string_with_path(&source, &path.display().to_string())));
        let validated = valid::Validator::new(valid::ValidationFlags::all(), valid::Capabilities::empty()).validate(&module);
        assert!(validated.is_ok(), "{}: {validated:?}", path.display());
        let runner = room.join("src").join(path.with_extension("rs").file_name().expect("a name"));
        assert!(runner.exists(), "{} is run by no file", path.display());
    }
    assert!(count > 0);
}
