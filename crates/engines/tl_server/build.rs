//! Builds the crate anew when the pages that it embeds have changed.

fn main() {
    println!("cargo::rerun-if-changed=../../../ui/dist");
}
