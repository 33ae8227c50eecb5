/** The page when not even its texts could be loaded: in both languages, as no catalog is there to choose from. */
export function NoTexts() {
  return (
    <main className="mx-auto grid max-w-md gap-4 p-6 pt-[20vh]">
      <h1 className="font-semibold text-lg">Carteiro</h1>
      <p>The page could not be loaded completely. Check the connection.</p>
      <p lang="pt-BR">Não foi possível carregar a página por completo. Verifique a conexão.</p>
      <button
        type="button"
        className="w-fit rounded-lg border border-edge px-3 py-1.5"
        onClick={() => location.reload()}
      >
        Reload · <span lang="pt-BR">Recarregar</span>
      </button>
    </main>
  )
}
