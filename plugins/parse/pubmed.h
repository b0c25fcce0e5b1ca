/* One record of PubMed (https://dtd.nlm.nih.gov/ncbi/pubmed/): title, abstract, terms and references. */
#ifndef SL_PARSE_PUBMED_H
#define SL_PARSE_PUBMED_H

#include "xml.h"

/* Reads <PubmedArticleSet> with one <PubmedArticle>, or that element alone. 0, or -1 with the end of a sentence in `why`. */
int sl_pubmed_read(struct sl_builder *builder, xmlNode *root, char *why, size_t why_size);

#endif
