/** An icon of one stroke; one that points somewhere turns round with the script. */
export function Stroke({ path, size = 20, points = false }: { path: string; size?: number; points?: boolean }) {
  return (
    <svg
      class={points ? 'icon points' : 'icon'}
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.8"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={path} />
    </svg>
  )
}
