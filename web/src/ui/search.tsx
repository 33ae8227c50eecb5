import { type Ref, useEffect, useRef, useState } from 'react'
import { Icon } from './icon'
import { useShortcuts } from './shortcuts'

/** For the search field that `/` leads to. */
export function useSearchKey() {
  const field = useRef<HTMLInputElement>(null)
  useShortcuts({
    '/': (event) => {
      event.preventDefault()
      field.current?.focus()
    },
  })
  return field
}

/** A search field that asks once the typing rests. */
export function SearchBox({
  label,
  value,
  onSearch,
  ref,
}: {
  label: string
  value: string
  onSearch: (text: string) => void
  ref?: Ref<HTMLInputElement>
}) {
  const [text, setText] = useState(value)
  const [known, setKnown] = useState(value)
  // The address changed by other means: back, forward, a filter that was cleared.
  if (value !== known) {
    setKnown(value)
    setText(value)
  }
  useEffect(() => {
    if (text === value) return
    const rest = setTimeout(() => onSearch(text), 300)
    return () => clearTimeout(rest)
  }, [text, value, onSearch])
  return (
    <div className="relative min-w-0 flex-1">
      <Icon name="search" className="pointer-events-none absolute top-2.5 left-2.5 text-muted" />
      <input
        ref={ref}
        type="search"
        aria-label={label}
        placeholder={label}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onSearch(text)
          if (event.key === 'Escape') event.currentTarget.blur()
        }}
        className="control w-full pl-8! placeholder:text-muted"
      />
    </div>
  )
}
