import type { ReactNode } from 'react'

/** The classes of a link that is a row of a list; its columns are told beside them. */
export const rowLook = 'group grid items-center gap-x-4 px-4 py-2.5 -outline-offset-2! hover:bg-sunken/60'

/** A name, and below it in a quieter voice what tells it from others of that name. */
export function RowName({ name, below }: { name: string; below: ReactNode }) {
  return (
    <span className="min-w-0">
      <span className="block truncate font-medium group-hover:text-accent">{name}</span>
      <span className="block truncate text-muted text-sm">{below}</span>
    </span>
  )
}
