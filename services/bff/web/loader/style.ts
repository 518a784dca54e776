/** Made as a style sheet object: a page whose policy forbids inline styles takes it, and its own rules do not reach in. */
// the lines are one: a line's end in it is a byte that every page downloads
export const STYLE = `\
:host{all:initial!important;display:contents!important}\
*{box-sizing:border-box;margin:0;border:0;padding:0}\
.launcher{position:fixed;bottom:var(--y);inset-inline-end:var(--x);z-index:var(--z);inline-size:48px;block-size:48px;\
border-radius:50%;background:var(--action,#0b57d0);color:var(--ink,#fff);cursor:pointer;\
box-shadow:0 2px 6px #0004;display:grid;place-items:center}\
.start .launcher,.start dialog{inset-inline:var(--x) auto}\
.launcher[hidden]{display:none}\
.launcher:focus-visible{outline:2px solid #0b57d0;outline-offset:2px;box-shadow:0 0 0 2px #fff}\
.launcher:hover{filter:brightness(1.08)}\
.launcher::before{content:"";inline-size:26px;block-size:26px;background:currentColor;forced-color-adjust:none;\
clip-path:path("M4 3h18a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-9l-6 5v-5H4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z")}\
.launcher[aria-expanded=true]::before{clip-path:path("M5 10l2-2 6 6 6-6 2 2-8 8z")}\
b{position:absolute;inset-block-start:-4px;inset-inline-end:-4px;min-inline-size:20px;padding:0 5px;border-radius:10px;\
background:#c02626;color:#fff;font:700 12px/20px system-ui;text-align:center;outline:2px solid #fff}\
b:empty{display:none}\
dialog{position:fixed;inset:auto;bottom:calc(var(--y) + 64px);inset-inline-end:var(--x);z-index:var(--z);\
inline-size:min(var(--w,400px),100vw - 2*var(--x));block-size:min(704px,100vh - var(--y) - 84px);max-inline-size:none;max-block-size:none;\
border-radius:16px;overflow:hidden;background:Canvas;\
box-shadow:0 0 0 1px #0001,0 8px 40px #0003}\
dialog.modal{inset:0;inline-size:100vw;block-size:100vh;block-size:100dvh;border-radius:0;box-shadow:none}\
dialog::backdrop{background:none}\
iframe{display:block;inline-size:100%;block-size:100%}\
p{position:fixed;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%)}\
@media(prefers-reduced-motion:no-preference){dialog[open]:not(.modal){animation:in .16s ease-out}\
@keyframes in{from{opacity:0;translate:0 12px}}}\
@media(forced-colors:active){.launcher{border:2px solid ButtonText}}\
@media print{:host{display:none!important}}\
`
