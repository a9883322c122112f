/* frame.json as a string in apigen. */
	.section .rodata
	.globl frame
frame:
	.incbin "proto/apigen/frame.json"
	.byte 0
	.section .note.GNU-stack,"",@progbits
