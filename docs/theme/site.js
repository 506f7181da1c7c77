// What the pages do beyond HTML: remember light or dark, show where one is. Everything is readable without it.

// searcher.js, which mdBook brings, reads this name.
const path_to_root = document.documentElement.dataset.root || '';

(() => {
  const root = document.documentElement;
  root.classList.add('scripted');

  const stored = () => {
    try { return localStorage.getItem('theme'); } catch { return null; }
  };
  const theme = stored();
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;

  const isDark = () => root.dataset.theme
    ? root.dataset.theme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches;

  const onThisPage = () => {
    const headings = [...document.querySelectorAll('#content h2[id]')];
    const place = document.querySelector('.here');
    if (headings.length < 3 || !place) return;
    const list = document.createElement('ol');
    for (const heading of headings) {
      const link = document.createElement('a');
      link.href = location.pathname + '#' + heading.id;
      link.textContent = heading.textContent;
      const item = document.createElement('li');
      item.append(link);
      list.append(item);
    }
    const title = document.createElement('p');
    title.textContent = 'On this page';
    place.append(title, list);
  };

  const markCurrent = () => {
    const name = (path) => path.replace(/\/$/, '/index').replace(/\.html$/, '');
    for (const link of document.querySelectorAll('.pages a')) {
      if (name(new URL(link.href).pathname) === name(location.pathname)) link.setAttribute('aria-current', 'page');
    }
  };

  document.addEventListener('DOMContentLoaded', () => {
    markCurrent();
    onThisPage();
    document.getElementById('theme-toggle')?.addEventListener('click', () => {
      const next = isDark() ? 'light' : 'dark';
      root.dataset.theme = next;
      try { localStorage.setItem('theme', next); } catch { /* not remembered, that is all */ }
    });
    for (const table of document.querySelectorAll('.table-wrapper')) {
      if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
    }
  });
})();
