/** Browsers keep this many entries; with so many, another one does not show in their number. */
const MOST = 50

/**
 * Entries of ours in the browser's history, one for each screen over the page, so that Back closes these before it leaves
 * the page. The history is the whole tab's: the page around has entries in it too.
 */
export class Trail {
  /** Entries of ours that Back would go through. */
  #depth = 0
  #wanted = 0
  /** Entries in all, when ours was the last. */
  #length = 0
  /** Back is on its way, and it is us who asked for it. */
  #going = false

  /** `back` closes the topmost screen. */
  constructor(
    private history: Pick<History, 'length' | 'pushState' | 'go'>,
    private back: () => void
  ) {}

  /** So many screens are over the page now. */
  want(screens: number) {
    this.#wanted = screens
    this.#settle()
  }

  /** The browser went to an entry with this state. */
  popped(state: unknown) {
    const screens = this.#going ? 0 : Math.min(this.#depth, this.#wanted)
    this.#depth = Number((state as { msgr?: number } | null)?.msgr ?? 0)
    // as many as entries were gone through; the last of them, the panel, takes the page around a moment to close
    this.#going = true
    for (let at = this.#depth; at < screens; at++) this.back()
    this.#going = false
    if (screens <= this.#depth) this.#settle()
  }

  #settle() {
    if (this.#going) return
    while (this.#depth < this.#wanted) {
      this.history.pushState({ msgr: ++this.#depth }, '')
      this.#length = this.history.length
    }
    // what the page has put on top of ours is not gone back through: ours stay, and cost a press of Back each
    const last = this.history.length === this.#length && this.#length < MOST
    if (this.#depth === this.#wanted || !last) return
    this.#going = true
    this.history.go(this.#wanted - this.#depth)
  }
}
