import type { ReactNode, Ref } from 'react'

export interface Column {
  title: string
  /** Classes of the heading. */
  look?: string
  /** The heading is for those who listen only. */
  unseen?: boolean
}

/** A table of rows whose links cover them. */
export function Table({
  caption,
  columns,
  stale,
  ref,
  children,
}: {
  caption: string
  columns: Column[]
  /** What is shown is about to be replaced. */
  stale?: boolean | undefined
  ref?: Ref<HTMLTableSectionElement> | undefined
  children: ReactNode
}) {
  return (
    <table className={`w-full border-line border-t text-left ${stale ? 'opacity-60' : ''}`}>
      <caption className="sr-only">{caption}</caption>
      <thead className="text-muted text-xs">
        <tr className="[&>th:first-child]:pl-4 [&>th:last-child]:pr-4 [&>th]:px-2 [&>th]:py-2 [&>th]:font-medium">
          {columns.map(({ title, look, unseen }) => (
            <th key={title} scope="col" className={look}>
              {unseen ? <span className="sr-only">{title}</span> : title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={ref} className="divide-y divide-line border-line border-t">
        {children}
      </tbody>
    </table>
  )
}

export const tableRowLook =
  'group relative h-10 focus-within:bg-accent/6 hover:bg-sunken/60 [&>td:first-child]:pl-4 [&>td:last-child]:pr-4 [&>td]:px-2 [&>td]:py-1 max-sm:[&>td]:py-2'

/** The classes of the link that covers its row. */
export const coverLook =
  'wrap-anywhere font-medium outline-none after:absolute after:inset-0 focus-visible:after:outline-2 focus-visible:after:outline-accent focus-visible:after:-outline-offset-2 group-hover:text-accent'
