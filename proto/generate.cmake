# cmake -DPROTOC= -DPROTOC_GEN_C= -DSET= -DFOLDER= -P generate.cmake FILE.proto...
# protoc-c for the files, by the descriptor set; only what has changed is written to the folder.
set(fresh ${FOLDER}/fresh)
set(protos)
foreach(i RANGE 1 ${CMAKE_ARGC})
	if(CMAKE_ARGV${i} MATCHES "\\.proto$")
		list(APPEND protos ${CMAKE_ARGV${i}})
	endif()
endforeach()

file(REMOVE_RECURSE ${fresh})
file(MAKE_DIRECTORY ${fresh})
execute_process(COMMAND ${PROTOC} --plugin=protoc-gen-c=${PROTOC_GEN_C} --descriptor_set_in=${SET}
	--c_out=${fresh} ${protos} COMMAND_ERROR_IS_FATAL ANY)
file(GLOB_RECURSE files RELATIVE ${fresh} ${fresh}/*)
foreach(file ${files})
	get_filename_component(folder ${FOLDER}/${file} DIRECTORY)
	file(MAKE_DIRECTORY ${folder})
	file(COPY_FILE ${fresh}/${file} ${FOLDER}/${file} ONLY_IF_DIFFERENT)
endforeach()
file(REMOVE_RECURSE ${fresh})
