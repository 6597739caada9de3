; UNTESTED: written to the documentation of Tauri's NSIS hooks and of GStreamer's installer, never run.
; Touchline uses the GStreamer of the system and does not carry one. Its installer sets this variable for the 64-bit MSVC runtime.
!macro NSIS_HOOK_POSTINSTALL
  ReadEnvStr $0 GSTREAMER_1_0_ROOT_MSVC_X86_64
  ${If} $0 == ""
    MessageBox MB_OK|MB_ICONINFORMATION "Touchline needs GStreamer 1.22 or newer: install its 64-bit MSVC runtime ($\"complete$\") and add its bin folder to PATH, then start Touchline." /SD IDOK
  ${EndIf}
!macroend
