/* The page's files as strings in the program. */
	.section .rodata
	.globl page_html, page_style, page_script
page_html:
	.incbin "bridge/docs/page.html"
	.byte 0
page_style:
	.incbin "bridge/docs/style.css"
	.byte 0
page_script:
	.incbin "bridge/docs/script.js"
	.byte 0
	.section .note.GNU-stack,"",@progbits
