/** A `ref` that focuses its element when it is mounted. Preact leaves `autoFocus` to the browser, which ignores it here. */
export const focusOnMount = (element: HTMLElement | null) => element?.focus()
