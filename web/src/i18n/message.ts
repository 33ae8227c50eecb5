/** A text, or one a plural category (Intl.PluralRules) of its `count`. `{name}` stands for a value. */
export type Message = string | { one: string; other: string }

type Names<S extends string> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never

/** The values that a message asks for. */
export type Values<M> = M extends string
  ? { [name in Names<M>]: string | number }
  : M extends { one: infer One extends string; other: infer Other extends string }
    ? { [name in Names<One> | Names<Other> | 'count']: string | number }
    : never

export function format(
  message: Message,
  values: Record<string, string | number>,
  plural: Intl.PluralRules,
  number: (n: number) => string,
): string {
  const text =
    typeof message === 'string' ? message : plural.select(Number(values.count)) === 'one' ? message.one : message.other
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name]
    return value === undefined ? whole : typeof value === 'number' ? number(value) : value
  })
}
