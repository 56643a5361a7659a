onsuccess:
    summary = Path("results/statistics/summary.txt")
    if summary.exists():
        logger.info(summary.read_text())
