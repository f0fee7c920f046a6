# callrec::callrec is the DLL with the import library of the compiler, and callrec::static the static library, which is for
# MinGW-w64 alone. The paths are relative to this file, so that the directory may be moved.

get_filename_component(_callrec_root "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET callrec::callrec)
  add_library(callrec::callrec SHARED IMPORTED)
  set_target_properties(callrec::callrec PROPERTIES
    IMPORTED_LOCATION "${_callrec_root}/bin/callrec.dll"
    INTERFACE_INCLUDE_DIRECTORIES "${_callrec_root}/include")
  if(MINGW)
    set_property(TARGET callrec::callrec PROPERTY IMPORTED_IMPLIB "${_callrec_root}/lib/libcallrec.dll.a")
  else()
    set_property(TARGET callrec::callrec PROPERTY IMPORTED_IMPLIB "${_callrec_root}/lib/callrec.lib")
  endif()
endif()

if(MINGW AND NOT TARGET callrec::static)
  add_library(callrec::static STATIC IMPORTED)
  set_target_properties(callrec::static PROPERTIES
    IMPORTED_LOCATION "${_callrec_root}/lib/libcallrec.a"
    IMPORTED_LINK_INTERFACE_LANGUAGES "C"
    INTERFACE_INCLUDE_DIRECTORIES "${_callrec_root}/include"
    INTERFACE_LINK_LIBRARIES "ws2_32;userenv;ntdll;bcrypt")
endif()

unset(_callrec_root)
