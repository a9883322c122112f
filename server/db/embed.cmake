# The files of migrations/ as constants in the program: an assembler file that includes their bytes,
# and the table of them. Sets migration_sources. A file that is added, removed or changed rebuilds
# what it must.
file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/migrations/[0-9]*.sql)
set(bytes "\t.section .rodata\n")
set(declared "")
set(rows "")
foreach(file ${files})
	get_filename_component(name ${file} NAME_WE)
	string(APPEND bytes "\t.globl migration_${name}\nmigration_${name}:\n"
		"\t.incbin \"${file}\"\n\t.byte 0\n")
	string(APPEND declared "extern const char migration_${name}[];\n")
	string(APPEND rows "\t{\"${name}\", migration_${name}},\n")
endforeach()
list(LENGTH files count)

set(folder ${CMAKE_BINARY_DIR}/gen)
set(migration_sources ${folder}/migration_bytes.S ${folder}/migration_table.c)
file(CONFIGURE OUTPUT ${folder}/migration_bytes.S @ONLY
	CONTENT "${bytes}\t.section .note.GNU-stack,\"\",@progbits\n")
file(CONFIGURE OUTPUT ${folder}/migration_table.c @ONLY
	CONTENT "#include \"server/db/migrate.h\"\n\n${declared}
const struct migration migrations[] = {\n${rows}\t{NULL, NULL},\n};
const int migration_count = ${count};\n")
set_source_files_properties(${folder}/migration_bytes.S PROPERTIES OBJECT_DEPENDS "${files}")
